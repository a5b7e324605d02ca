#!/usr/bin/env node
/**
 * The `poe` command, as a process.
 *
 * Exit codes: 0 done, 1 it could not be done, 2 misuse; a command may add its own.
 */
import { runProgram } from './program.js'
import { endProcess, processTerminal } from './terminal.js'

await endProcess(await runProgram(process.argv.slice(2), processTerminal()))
