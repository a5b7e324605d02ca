#!/usr/bin/env node
/**
 * The `poe` command, as a process.
 *
 * Exit codes: 0 done, 1 it could not be done, 2 misuse; a command may add its own.
 */
import { runProgram } from './program.js'
import { endProcess, processTerminal } from './terminal.js'

const argv = process.argv.slice(2)
const isOfPost = argv[0] === 'post' || argv[0] === 'resume'
await endProcess(await runProgram(argv, processTerminal()), isOfPost)
