// SPDX-License-Identifier: BSD-3-Clause
// Runs in a guest: what node's resolvers and its https client say. Usage: ask.js [WORD ARGUMENT]...
// A line for each: the word, the argument, the answer or the error's code, milliseconds.
'use strict';
const dns = require('dns'), https = require('https'), net = require('net');

const ways = {
  lookup: (name, done) => dns.lookup(name, {family: 4}, done),
  resolve: (name, done) => dns.resolve4(name, (error, found) => done(error, String(found))),
  https: (url, done) => https.get(url, answer => {
    let text = '';
    answer.on('data', part => text += part);
    answer.on('end', () => done(null, text.trim()));
  }).on('error', done),
  connect: (address, done) => {
    const socket = net.connect(443, address, () => socket.end() && done(null, 'open'));
    socket.on('error', done);
  },
};

function next(words) {
  if (words.length === 0) return;
  const [word, argument] = words, since = process.hrtime.bigint();
  ways[word](argument, (error, answer) => {
    const took = Number(process.hrtime.bigint() - since) / 1e6;
    console.log(word, argument, error ? error.code : answer, took.toFixed(1));
    next(words.slice(2));
  });
}

next(process.argv.slice(2));
