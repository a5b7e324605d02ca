/** Every wrong server of each door is caught. */
import { describeDoors } from './judge-door.js'

describeDoors(1)
