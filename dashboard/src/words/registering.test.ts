import { areWhole } from './promises'
import { en } from './registering.en'
import { nb } from './registering.nb'

areWhole(nb, en, [])
