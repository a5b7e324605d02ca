/**
 * Opens a sqlite file through a driver that is not for this Node: ends well where somebody is told
 * to install the one that is named.
 */
import { sqliteStore } from 'post-once-exactly/stores/sqlite'

const [wanted] = process.argv.slice(2)
let told = ''
process.on('warning', ({ message }) => {
  told += message
})
try {
  sqliteStore(`driver-${process.pid}.db`)
} catch (error) {
  told += error.message
}
// A warning comes a moment later.
await new Promise(resolve => setTimeout(resolve, 10))
console.log(told)
process.exitCode = told.includes(`npm install ${wanted}`) ? 0 : 1
