// Entry of every npm script: says clearly when Node.js is too old, else hands over to prepare.cjs.
// It is written in the oldest JavaScript, because a Node.js that is too old must still be able to parse it.
'use strict';

var required = [20, 19];
var found = process.versions.node.split('.');
var major = Number(found[0]);
var minor = Number(found[1]);

if (major < required[0] || (major === required[0] && minor < required[1])) {
  console.error(
    'Mendlog needs Node.js ' +
      required.join('.') +
      ' or newer, and this is ' +
      process.versions.node +
      ': install a newer one from https://nodejs.org and try again.'
  );
  process.exit(1);
} else {
  require('./prepare.cjs').main(process.argv.slice(2));
}
