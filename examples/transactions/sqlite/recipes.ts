/** Which recipes for sqlite there are; one of them only where its package is installed. */

const MIKRO_ORM = '@mikro-orm/better-sqlite'

/** The names of the tools. */
export const RECIPES: readonly string[] = [
  ...['knex', 'objection', 'kysely', 'drizzle'],
  // Not among this package's own: it brings another better-sqlite3, to be compiled as well.
  ...(isInstalled(MIKRO_ORM) ? ['mikro-orm'] : []),
]

if (!isInstalled(MIKRO_ORM)) console.log(`not tested, for want of ${MIKRO_ORM} 6: its recipe`)

function isInstalled(name: string): boolean {
  try {
    return import.meta.resolve(name) !== ''
  } catch {
    return false
  }
}
