// BullMQ on the same Redis as `cargo run --release -p queue --example throughput`, which starts this script.
// `node bullmq.mjs REDIS_URL JOBS CONCURRENCY` in a folder with `npm install bullmq ioredis`: adds no-op jobs, then processes them, and
// prints jobs per second of both.
import { createRequire } from 'node:module';
const require = createRequire(process.cwd() + '/');
const { Queue, Worker } = require('bullmq');
const IORedis = require('ioredis');

const [url, jobs, concurrency] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const connect = () => new IORedis(url, { maxRetriesPerRequest: null });
const payload = { spec: { kind: 'image_to_mesh', images: [{ view: 'front', image: 'a'.repeat(64) }], parameters: { seed: 1 } } };
const name = `bench-${process.pid}`;
const queue = new Queue(name, { connection: connect() });
await queue.waitUntilReady();

let left = jobs;
const add = async () => {
  while (left-- > 0) await queue.add('job', payload, { removeOnComplete: false });
};
let start = process.hrtime.bigint();
await Promise.all(Array.from({ length: concurrency }, add));
const seconds = () => Number(process.hrtime.bigint() - start) / 1e9;
const added = jobs / seconds();

let done = 0;
const worker = new Worker(name, async () => {}, { connection: connect(), concurrency, autorun: false });
await worker.waitUntilReady();
start = process.hrtime.bigint();
const finished = new Promise((resolve) => worker.on('completed', () => ++done === jobs && resolve()));
worker.run();
await finished;
console.log(JSON.stringify({ add: Math.round(added), process: Math.round(jobs / seconds()) }));
process.exit(0);
