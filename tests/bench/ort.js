// ONNX Runtime as a server on standard input and output: tests compare with it, `make bench` times it.
//
//     node ort.js < requests         build/npm holds the package onnxruntime-node ("make deps-ort")
//
//     load MODEL.onnx THREADS        -> ok
//     shape                          -> the first input's dimensions
//     run INPUT OUTPUT               -> ok          files of float32, all inputs (outputs) behind each other
//     time N wall|cpu                -> N times in ms, on the last input, of the clock or of the processors
//
// What fails is answered by "error: ..." in one line.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const ort = require(path.join(__dirname, '../../build/npm/node_modules/onnxruntime-node'));

let session, feeds;

async function load(model, threads) {
    if (session)
        await session.release();
    session = await ort.InferenceSession.create(model, {
        intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential',
        graphOptimizationLevel: 'all', logSeverityLevel: 4,
    });
    return 'ok';
}

function shape() {
    return session.inputMetadata[0].shape.join(' ');
}

async function run(input, output) {
    const raw = fs.readFileSync(input);
    const all = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
    feeds = {};
    let at = 0;
    for (const info of session.inputMetadata) {
        const n = info.shape.reduce((a, b) => a * b, 1);
        feeds[info.name] = new ort.Tensor('float32', all.slice(at, at + n), info.shape);
        at += n;
    }
    const results = await session.run(feeds);
    const parts = session.outputNames.map((name) => results[name].data)
        .map((d) => Buffer.from(d.buffer, d.byteOffset, d.byteLength));
    fs.writeFileSync(output, Buffer.concat(parts));
    return 'ok';
}

const clocks = {
    wall: () => Number(process.hrtime.bigint()) / 1e6,
    cpu: () => { const used = process.cpuUsage(); return (used.user + used.system) / 1e3; },
};

async function time(n, clock) {
    const now = clocks[clock], ms = [];
    for (let i = 0; i < Number(n); i++) {
        const begin = now();
        await session.run(feeds);
        ms.push(now() - begin);
    }
    return ms.join(' ');
}

async function main() {
    const commands = { load, shape, run, time };
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const [name, ...args] = line.split(' ');
        let reply;
        try {
            reply = await commands[name](...args);
        } catch (e) {
            reply = 'error: ' + String(e.message).replace(/\s+/g, ' ');
        }
        process.stdout.write(reply + '\n');
    }
}

main();
