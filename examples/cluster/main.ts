/**
 * Starts a cluster and keeps it until SIGINT or SIGTERM: `npm run cluster`.
 */
import { type Cluster, startCluster } from './cluster.js'

const { env } = process
const store = env.POE_STORE || 'sqlite:shop.db'

try {
  const cluster = await startCluster({
    store,
    port: Number(env.PORT || 3000),
    shops: Number(env.SHOPS || 2),
  })
  const ports = cluster.shops.map(({ port }) => port).join(', ')
  console.log(
    `The shop is open at ${cluster.origin}: nginx before ${cluster.shops.length} shops ` +
      `(ports ${ports}). Kill one of them with kill -9 while you order.`,
  )
  endOnSignal(cluster)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

function endOnSignal(cluster: Cluster): void {
  let isEnding = false
  const end = () => {
    if (isEnding) return
    isEnding = true
    void cluster.close().then(() => process.exit(0))
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
}
