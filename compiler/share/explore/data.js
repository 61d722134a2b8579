'use strict';
/* What dsqc wrote into the page, and what follows from it. */
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);

/* ---- text ---- */
const escaped = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'};
const html = (s) => String(s).replace(/[&<>"]/g, (c) => escaped[c]);
const count = (n) => n.toLocaleString('en-US');
const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

/* Three digits and a unit of thousands. */
function scaled(n, units) {
  let i = 0;
  while (n >= 999.5 && i < units.length - 1)
    n /= 1000, i++;
  return (i && n < 99.95 ? n.toPrecision(3) : String(Math.round(n))) + units[i];
}
const bytes = (n) => scaled(n, [' B', ' kB', ' MB', ' GB']);
const amount = (n) => scaled(n, ['', ' k', ' M', ' G']);
function time(ms) {
  const v = ms < 1 ? ms * 1000 : ms;
  return v.toFixed(v < 10 ? 2 : v < 100 ? 1 : 0) + (ms < 1 ? ' µs' : ' ms');
}

/* "layer1.0.conv1 + layer1.0.bn1": the scope that all share is said once; a number alone would say too little. */
function shortLayers(layers) {
  const names = layers.split(' + ');
  let scope = names[0].slice(0, names[0].lastIndexOf('.') + 1);
  while (scope && !names.every((n) => n.startsWith(scope) && !/^\d+$/.test(n.slice(scope.length))))
    scope = scope.slice(0, scope.lastIndexOf('.', scope.length - 2) + 1);
  return [names[0], ...names.slice(1).map((n) => n.slice(scope.length))];
}
const breakable = (name) => html(name).replaceAll('.', '.<wbr>');
/* most: how many names behind the first are shown before their number stands for them. */
function titleHtml(layers, most = Infinity) {
  const [first, ...more] = shortLayers(layers);
  const shown = more.length <= most ? more : [...more.slice(0, most - 1), `${more.length - most + 1} more`];
  const rest = shown.join(' + ');
  return breakable(first) + (more.length ? ` <span class="more">+ ${breakable(rest)}</span>` : '');
}

/* ---- nodes ---- */
const stages = data.stages, last = stages.length - 1;
const stageName = (s) => stages[s].pass || 'as written';
const record = (s, i) => data.records[stages[s].nodes[i]];

/* next[s][i]: where node i of stage s is at stage s + 1, or -1. The values that a node makes say more than what they
   and its steps once were. */
const next = stages.slice(0, -1).map((stage, s) => {
  const own = new Map(), any = new Map();
  stages[s + 1].nodes.forEach((r, i) => {
    for (const [k, key] of data.records[r].key.entries()) {
      const map = k ? any : own;
      if (!map.has(key))
        map.set(key, i);
    }
  });
  return stage.nodes.map((r) => {
    for (const map of [own, any])
      for (const key of data.records[r].key)
        if (map.has(key))
          return map.get(key);
    return -1;
  });
});

function follow(from, i, to) {
  for (let s = from; s < to && i >= 0; s++)
    i = next[s][i];
  return i;
}

/* The node of stage `to` that node i of stage `from` becomes, or came from. */
function nodeAt(from, i, to) {
  if (from <= to)
    return follow(from, i, to);
  return stages[to].nodes.findIndex((_, k) => follow(to, k, from) === i);
}

/* Kernels and ranges of the arena by the node of the last stage. */
const kernelsOf = (node) => data.kernels.flatMap((k, i) => k.node === node && node >= 0 ? [i] : []);
const usesOf = (node) => data.arena.flatMap((u, i) => u.node === node && node >= 0 ? [i] : []);

/* ---- what differs between two stages ---- */

/* Blocks in the order of the later stage: {left: [nodes], right: node or -1, kind}. What became of no node stands in
   front of what followed it. */
function compare(a, b) {
  const blocks = stages[b].nodes.map((_, right) => ({left: [], right}));
  const gone = [], lost = new Map();
  stages[a].nodes.forEach((_, i) => {
    const to = follow(a, i, b);
    if (to < 0)
      return gone.push(i);
    if (gone.length)
      lost.set(to, [...(lost.get(to) || []), ...gone.splice(0)]);
    blocks[to].left.push(i);
  });
  const out = [];
  const removed = (i) => out.push({left: [i], right: -1});
  for (const block of blocks) {
    (lost.get(block.right) || []).forEach(removed);
    out.push(block);
  }
  gone.forEach(removed);
  for (const block of out)
    block.kind = block.right < 0 ? 'removed' : !block.left.length ? 'added' :
      block.left.length === 1 && stages[a].nodes[block.left[0]] === stages[b].nodes[block.right] ? 'same' :
      block.left.length === 1 && sameText(record(a, block.left[0]), record(b, block.right)) ? 'same' : 'changed';
  return out;
}
const sameText = (x, y) => x.text === y.text && x.title === y.title;

const words = (text) => text.match(/[%@]?"(?:[^"\\]|\\.)*"|[%@$]?[\w.\/$-]+|\s+|[^\s\w]/g) || [];

/* Which words of each list are on no longest common subsequence of both; blanks never are. */
function differing(x, y) {
  const a = x.flatMap((w, i) => w.trim() ? [i] : []), b = y.flatMap((w, i) => w.trim() ? [i] : []);
  const n = a.length, m = b.length, length = Array.from({length: n + 1}, () => new Uint16Array(m + 1));
  for (let i = n - 1; i >= 0; i--)
    for (let j = m - 1; j >= 0; j--)
      length[i][j] = x[a[i]] === y[b[j]] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  const left = new Set(a), right = new Set(b);
  for (let i = 0, j = 0; i < n && j < m;)
    if (x[a[i]] === y[b[j]])
      left.delete(a[i++]), right.delete(b[j++]);
    else if (length[i + 1][j] >= length[i][j + 1])
      i++;
    else
      j++;
  return [left, right];
}
