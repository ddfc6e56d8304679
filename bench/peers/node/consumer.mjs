// sqs-consumer and pg: consumer.mjs CONSUMERS. Each consumer takes ten messages at a time (handleMessageBatch, which its README
// recommends for throughput), writes them with one multi-row INSERT, and deletes them with one call.
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import pg from "pg";
import { Consumer } from "sqs-consumer";

const consumers = Number(process.argv[2]);
const sqs = new SQSClient({ endpoint: process.env.AWS_ENDPOINT_URL_SQS });
const { QueueUrl: queueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: process.env.SLUICE_QUEUE }));
const pool = new pg.Pool({ max: consumers });
const columns = 7;

const masked = (value) => Buffer.from(value).toString("base64");

async function handleMessageBatch(messages) {
  const today = new Date().toISOString().slice(0, 10);
  const values = messages.flatMap((m) => {
    const e = JSON.parse(m.Body);
    const major = Number(e.app_version.split(".")[0]);
    return [e.user_id, e.device_type, masked(e.ip), masked(e.device_id), e.locale, major, today];
  });
  const tuples = messages.map((_, row) => `(${Array.from({ length: columns }, (_, i) => `$${row * columns + i + 1}`)})`);
  await pool.query({ name: `insert-${messages.length}`, text: `INSERT INTO user_logins VALUES ${tuples}`, values });
  return messages;
}

const all = Array.from({ length: consumers }, () =>
  Consumer.create({ queueUrl, sqs, batchSize: 10, waitTimeSeconds: 1, handleMessageBatch }),
);
for (const consumer of all) {
  consumer.on("error", (error) => console.error(error.message));
  consumer.on("processing_error", (error) => console.error(error.message));
  consumer.start();
}
process.on("SIGTERM", () => process.exit(0));
