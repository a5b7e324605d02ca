/** Where `prisma generate` finds its schema; it connects to nothing. */
import { defineConfig } from 'prisma/config'

export default defineConfig({ schema: 'prisma/schema.prisma' })
