import { en } from './admin.en'
import { nb } from './admin.nb'
import { areWhole } from './promises'

areWhole(nb, en, ['team', 'seconds.min(1)', 'way.push', 'role.administrator', 'fleet.version'])
