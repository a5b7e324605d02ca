/** Loaded before every suite: an unhandled rejection is a failure, never a line in a log. */
process.on('unhandledRejection', reason => {
  throw reason
})
