// Does with the AWS SDK for JavaScript what test_js.py asks for: node client.mjs SCENARIO, settings from the environment.
// Prints one line of JSON.
import * as sdk from "@aws-sdk/client-sqs";

const { SQS_ENDPOINT: endpoint, AWS_REGION: region } = process.env;
const credentials = { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY };
const connect = (change = {}) => new sdk.SQS({ endpoint, region, credentials, maxAttempts: 1, ...change });
const sqs = connect();

const receive = async (QueueUrl, more = {}) =>
  (await sqs.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10, ...more })).Messages ?? [];
const arnOf = async (QueueUrl) =>
  (await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] })).Attributes.QueueArn;

// A client that changes each request after it was signed.
const spoiled = (change) => {
  const client = connect();
  client.middlewareStack.addRelativeTo(
    (next) => (args) => { change(args.request); return next(args); },
    { name: "spoil", relation: "after", toMiddleware: "httpSigningMiddleware" });
  return client;
};

const refusal = async (client, QueueUrl) => {
  try {
    await client.sendMessage({ QueueUrl, MessageBody: "x" });
    return "accepted";
  } catch (error) {
    return { name: error.name, code: error.Code ?? error.Error?.Code, text: error.message, status: error.$metadata?.httpStatusCode };
  }
};

const scenarios = {
  async life() {
    const { QueueUrl } = await sqs.createQueue({ QueueName: "js", Attributes: { VisibilityTimeout: "60" } });
    const sent = await sqs.sendMessageBatch({
      QueueUrl,
      Entries: [...Array(10).keys()].map((i) => ({
        Id: `${i}`, MessageBody: `message ${i} é €`,
        MessageAttributes: { n: { DataType: "Number", StringValue: `${i}` }, b: { DataType: "Binary", BinaryValue: new Uint8Array([0, i]) } },
      })),
    });
    const first = await receive(QueueUrl, { MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] });
    await sqs.changeMessageVisibilityBatch({
      QueueUrl, Entries: first.map((m, i) => ({ Id: `${i}`, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0 })),
    });
    const second = await receive(QueueUrl);
    const deleted = await sqs.deleteMessageBatch({
      QueueUrl,
      Entries: [...second.map((m, i) => ({ Id: `${i}`, ReceiptHandle: m.ReceiptHandle })).slice(0, 9), { Id: "bad", ReceiptHandle: "garbage" }],
    });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] });
    return {
      sent: sent.Successful.length, bodies: first.map((m) => m.Body).sort(), deleted: deleted.Successful.length,
      bytes: first.map((m) => m.MessageAttributes.b.BinaryValue[1]).sort(), failed: deleted.Failed, attributes: Attributes,
      newHandles: second.every((m) => !first.some((f) => f.ReceiptHandle === m.ReceiptHandle)),
    };
  },

  async deadLetters() {
    const { QueueUrl: dead } = await sqs.createQueue({ QueueName: "js-dead" });
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: await arnOf(dead), maxReceiveCount: "1" });
    const { QueueUrl } = await sqs.createQueue({ QueueName: "js-source", Attributes: { RedrivePolicy } });
    await sqs.sendMessage({ QueueUrl, MessageBody: "poison" });
    await receive(QueueUrl, { VisibilityTimeout: 0 });
    const after = await receive(QueueUrl, { VisibilityTimeout: 0 });
    const letters = await receive(dead, { VisibilityTimeout: 0, MessageSystemAttributeNames: ["All"] });
    await sqs.startMessageMoveTask({ SourceArn: await arnOf(dead) });
    const { Results } = await sqs.listMessageMoveTasks({ SourceArn: await arnOf(dead) });
    const back = await receive(QueueUrl, { WaitTimeSeconds: 5 });
    return { after: after.length, letter: letters[0].Attributes, status: Results[0].Status, back: back.map((m) => m.Body) };
  },

  async refusals() {
    const { QueueUrl } = await sqs.createQueue({ QueueName: "js-refusals" });
    const wrong = (secretAccessKey, accessKeyId = credentials.accessKeyId) => connect({ credentials: { accessKeyId, secretAccessKey } });
    const answers = {
      body: await refusal(spoiled((r) => { r.body += " "; r.headers["content-length"] = `${r.body.length}`; }), QueueUrl),
      header: await refusal(spoiled((r) => { r.headers["x-amz-target"] = "AmazonSQS.PurgeQueue"; }), QueueUrl),
      date: await refusal(spoiled((r) => { r.headers["x-amz-date"] = "20200102T030405Z"; }), QueueUrl),
      secret: await refusal(wrong("wrong"), QueueUrl),
      key: await refusal(wrong("wrong", "AKIANOBODY"), QueueUrl),
      region: await refusal(connect({ region: "us-west-2" }), QueueUrl),
      none: await refusal(sqs, `${QueueUrl}-none`),
      clock: await refusal(connect({ systemClockOffset: 600_000 }), QueueUrl),
    };
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] });
    return { ...answers, sent: Attributes.ApproximateNumberOfMessages };
  },
};

console.log(JSON.stringify(await scenarios[process.argv[2]]()));
