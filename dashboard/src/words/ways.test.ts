import { areWhole } from './promises'
import { en } from './ways.en'
import { nb } from './ways.nb'

areWhole(nb, en, [])
