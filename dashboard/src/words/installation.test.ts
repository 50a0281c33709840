import { en } from './installation.en'
import { nb } from './installation.nb'
import { areWhole } from './promises'

areWhole(nb, en, ['sensors.dbm(1)', 'test.hop.sensor', 'protocol.sensor', 'protocol.whose'])
