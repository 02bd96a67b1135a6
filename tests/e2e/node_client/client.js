// Calls one service from the protos alone: node client.js PROTO_ROOT SERVICE ADDRESS MEDIA_URI ANALYZER…
// Prints one JSON object: what ListAnalyzers, the health check and Analyze answered.
"use strict";

const path = require("path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [root, service, address, uri, ...analyzers] = process.argv.slice(2);
const name = service[0].toUpperCase() + service.slice(1) + "Service";
const definition = loader.loadSync(path.join("reelscope", service, "v1", `${service}.proto`), {
  includeDirs: [root],
  keepCase: true,
  longs: Number,
  defaults: true,
  oneofs: true,
});
const api = grpc.loadPackageDefinition(definition).reelscope[service].v1;
const client = new api[name](address, grpc.credentials.createInsecure(), {
  "grpc.max_receive_message_length": 64 << 20,
});
const answer = { analyzers: [], events: {}, results: {}, segments: {} };

client.ListAnalyzers({}, (failure, listed) => {
  if (failure) throw failure;
  answer.analyzers = listed.analyzers.map((one) => ({ name: one.name, available: one.available, detail: one.detail }));
  const call = client.Analyze({ media: { uri }, analyzers });
  call.on("data", (event) => {
    answer.events[event.event] = (answer.events[event.event] || 0) + 1;
    if (event.event === "segments") {
      answer.segments[event.analyzer] = (answer.segments[event.analyzer] || 0) + event.segments.segments.length;
    } else if (event.event === "result") {
      const { status, coverage, segments } = event.result;
      answer.results[event.analyzer] = { status, coverage, segments: segments.length, first: segments[0] };
    }
  });
  call.on("error", (error) => {
    console.log(JSON.stringify({ ...answer, error: { code: error.code, details: error.details } }));
    process.exit(1);
  });
  call.on("end", () => {
    console.log(JSON.stringify(answer));
    client.close();
  });
});
