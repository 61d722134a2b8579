/* The graph at two stages side by side. */

let left = 0, right = Math.min(1, last), blocks = [], opened = new Set();
const changes = stages.map((_, s) => s ? compare(s - 1, s).filter((b) => b.kind !== 'same').length : 0);

/* ---- the rail of stages ---- */

function stageNote(s, i) {
  const changed = changes[i] ? `<b>${count(changes[i])}</b> changed` : 'nothing changed';
  return i ? `${changed} · ${time(s.ms)}` : 'nodes';
}

function drawStages() {
  $('stages').innerHTML = stages.map((s, i) =>
    `<li role="option" id="stage-${i}" data-stage="${i}" title="${html(s.doc || 'the spec, nothing done to it')}">` +
    `<span>${html(stageName(i))}</span><span class="count">${count(s.nodes.length)}</span>` +
    `<span class="note">${stageNote(s, i)}</span></li>`).join('');
  const options = (from, to) => stages.map((_, i) =>
    i < from || i > to ? '' : `<option value="${i}">${html(stageName(i))}</option>`).join('');
  $('left').innerHTML = options(0, Math.max(0, last - 1));
  $('right').innerHTML = options(Math.min(1, last), last);
}

function setStages(a, b) {
  right = Math.max(1, Math.min(b, last));
  left = Math.max(0, Math.min(a, right - 1));
  opened = new Set();
  $('left').value = left;
  $('right').value = right;
  for (const li of $('stages').children) {
    li.setAttribute('aria-selected', +li.dataset.stage === right);
    li.classList.toggle('before', +li.dataset.stage === left);
  }
  $('stages').setAttribute('aria-activedescendant', `stage-${right}`);
  $('stage-' + right)?.scrollIntoView({block: 'nearest'});
  blocks = compare(left, right);
  drawNodes();
  remember();
}

/* ---- lanes: which values are alive beside a node, as lines ---- */

const LANE = 9, DOT = 10, MOST_LANES = 7;

/* Values that a node's text names: those made stand before the equals sign. */
function valuesOf(r) {
  const at = r.text.indexOf(' = ');
  const names = (s) => [...new Set(s.match(/%(?:"(?:[^"\\]|\\.)*"|[\w.\/$-]+)/g) || [])];
  return {made: names(r.text.slice(0, at)), read: names(r.text.slice(at + 3))};
}

/* Lines for nodes in the order in which they are shown: each gets {above, below: lanes in use, dot, from: lanes that it
   reads}. */
function lanes(stage, order) {
  const lastUse = new Map(), io = order.map((i) => valuesOf(record(stage, i)));
  io.forEach((v, at) => v.read.forEach((name) => lastUse.set(name, at)));
  const lane = []; /* name of the value on each */
  const used = () => lane.flatMap((v, i) => v ? [i] : []);
  return order.map((_, at) => {
    const above = used(), from = io[at].read.map((v) => lane.indexOf(v)).filter((i) => i >= 0);
    lane.forEach((v, i) => {
      if (v && lastUse.get(v) <= at)
        lane[i] = null;
    });
    let dot = -1;
    for (const v of io[at].made) {
      let free = lane.findIndex((x) => !x);
      free = free < 0 ? lane.length : free;
      dot = dot < 0 ? free : dot;
      if (lastUse.has(v))
        lane[free] = v;
    }
    return {above, from, dot: Math.max(dot, 0), below: used()};
  });
}

const laneX = (i) => 8 + Math.min(i, MOST_LANES - 1) * LANE;
const lineHtml = (i, more) => `<i${more} style="left:${laneX(i) - .75}px"></i>`;
function laneHtml(l, width) {
  const passes = (i) => l.above.includes(i) && i !== l.dot, x = laneX(l.dot);
  const lines = l.below.map((i) => lineHtml(i, passes(i) ? '' : ' class="from"'));
  const curves = l.from.map((i) => `<path d="M${laneX(i)} 0C${laneX(i)} ${DOT} ${x} 4 ${x} 14"/>`);
  return `<div class="lanes" style="width:${width}px" aria-hidden="true">${lines.join('')}` +
    `<svg width="${width}" height="22">${curves.join('')}<circle cx="${x}" cy="14" r="3.2"/></svg></div>`;
}
function emptyHtml(l, width) {
  return `<div class="node" style="cursor:default"><div class="lanes" style="width:${width}px">` +
    (l ? l.below.map((i) => lineHtml(i, '')).join('') : '') + '</div></div>';
}

/* ---- nodes ---- */

function wordHtml(w, first) {
  if (w[0] === '%')
    return `<a data-value="${html(w)}">${html(w)}</a>`;
  if (w[0] === '@') {
    const type = data.constants[w.slice(1).replace(/^"|"$/g, '')];
    return `<span class="at"${type ? ` title="${html(type)}"` : ''}>${html(w)}</span>`;
  }
  return first ? `<span class="op">${html(w)}</span>` : html(w);
}

/* IR text, words in `marked` set off; each line hangs. */
function irHtml(list, marked) {
  let out = '', seenEquals = false, opDone = false, note = false;
  list.forEach((w, i) => {
    if (w.includes('\n')) {
      out += '</span><span>';
      note = false;
      return;
    }
    if (w === ';' && out.endsWith('<span>'))
      note = true;
    const isOp = seenEquals && !opDone && w.trim() && w !== '=';
    opDone ||= isOp;
    seenEquals ||= w === '=';
    const text = note ? `<span class="note">${html(w)}</span>` : wordHtml(w, isOp);
    out += marked && marked.has(i) ? `<mark>${text}</mark>` : text;
  });
  return `<span>${out}</span>`.replaceAll('</mark> <mark>', ' ');
}

function nodeHtml(stage, i, side, sign, list, marked, lane, width) {
  const r = record(stage, i);
  const mark = sign ? `<span class="sign">${sign}</span>` : '';
  return `<div class="node" role="option" id="${side}-${i}" data-side="${side}" data-node="${i}">` +
    `${laneHtml(lane, width)}<div class="body">` +
    `<div class="head"><span class="title" title="${html(r.title)}">${mark}${titleHtml(r.title, 3)}</span>` +
    `<span class="place">${html(place(r))}</span></div><div class="ir">${irHtml(list, marked)}</div></div></div>`;
}

const signs = {added: '+', removed: '−', changed: '~', same: ''};
function blockHtml(b, laneL, laneR, width) {
  const textL = b.left.map((i) => words(record(left, i).text));
  const textR = b.right >= 0 ? words(record(right, b.right).text) : [];
  const marks = b.kind === 'changed' ? differing(textL.flat(), textR) : [null, null];
  let from = 0;
  const cellL = b.left.map((i, k) => {
    const list = textL[k], start = from;
    from += list.length;
    const marked = marks[0] && new Set(list.flatMap((_, w) => marks[0].has(start + w) ? [w] : []));
    return nodeHtml(left, i, 'l', b.kind === 'removed' ? '−' : '', list, marked, laneL.of.get(i), width[0]);
  }).join('');
  const cellR = b.right < 0 ? '' :
    nodeHtml(right, b.right, 'r', signs[b.kind], textR, marks[1], laneR.of.get(b.right), width[1]);
  laneL.now = b.left.length ? laneL.of.get(b.left.at(-1)) : laneL.now;
  laneR.now = b.right >= 0 ? laneR.of.get(b.right) : laneR.now;
  return `<div class="block ${b.kind}"><div class="cell left">${cellL || emptyHtml(laneL.now, width[0])}</div>` +
    `<div class="cell right">${cellR || emptyHtml(laneR.now, width[1])}</div></div>`;
}

function laneMap(stage, order) {
  const list = lanes(stage, order);
  const widest = Math.max(0, ...list.flatMap((l) => [l.dot, ...l.above, ...l.below]));
  return [{of: new Map(order.map((i, k) => [i, list[k]])), now: null}, laneX(widest) + 9];
}

function drawNodes() {
  const [laneL, widthL] = laneMap(left, blocks.flatMap((b) => b.left));
  const [laneR, widthR] = laneMap(right, blocks.flatMap((b) => b.right >= 0 ? [b.right] : []));
  const only = $('only-changed').checked;
  let out = '';
  for (let i = 0; i < blocks.length; i++) {
    let end = i;
    while (only && end < blocks.length && blocks[end].kind === 'same' && !opened.has(end))
      end++;
    if (end > i) {
      out += `<div class="skip"><button tabindex="-1" data-from="${i}" data-to="${end}">` +
        `… ${plural(end - i, 'node')} the same</button></div>`;
      i = end - 1;
    } else
      out += blockHtml(blocks[i], laneL, laneR, [widthL, widthR]);
  }
  $('nodes').innerHTML = out;
  const n = blocks.filter((b) => b.kind !== 'same').length;
  $('diff-count').innerHTML = `<strong>${count(n)}</strong> of ${plural(blocks.length, 'row')} changed, ` +
    `${count(stages[left].nodes.length)} → ${plural(stages[right].nodes.length, 'node')}`;
  markNodes();
}

/* Marks the selected node and what it is on the other side. */
function markNodes() {
  for (const n of $('nodes').querySelectorAll('.chosen, .kin')) {
    n.classList.remove('chosen', 'kin');
    n.removeAttribute('aria-selected');
  }
  $('nodes').removeAttribute('aria-activedescendant');
  if (chosen.node < 0)
    return;
  const at = {l: nodeAt(chosen.stage, chosen.node, left), r: nodeAt(chosen.stage, chosen.node, right)};
  const main = chosen.stage === left ? 'l' : chosen.stage === right ? 'r' : at.r >= 0 ? 'r' : 'l';
  for (const side of ['l', 'r']) {
    const el = $(`${side}-${at[side]}`);
    if (!el)
      continue;
    el.classList.add(side === main ? 'chosen' : 'kin');
    if (side === main) {
      el.setAttribute('aria-selected', 'true');
      $('nodes').setAttribute('aria-activedescendant', el.id);
      if (!$('view-graph').hidden)
        reveal($('nodes'), el);
    }
  }
}
listeners.push(markNodes);

/* Scrolls only as far as it must. */
function reveal(box, el) {
  const b = box.getBoundingClientRect(), e = el.getBoundingClientRect();
  if (e.top < b.top + 24)
    box.scrollTop += e.top - b.top - 24;
  else if (e.bottom > b.bottom - 24)
    box.scrollTop += Math.min(e.bottom - b.bottom + 24, e.top - b.top - 24);
}

const chooseNode = (el) => choose(el.dataset.side === 'l' ? left : right, +el.dataset.node);

/* ---- mouse and keys ---- */

/* To the node that makes the value. */
function chooseValue(name, side) {
  const stage = side === 'l' ? left : right;
  const i = stages[stage].nodes.findIndex((r) => valuesOf(data.records[r]).made.includes(name));
  if (i >= 0)
    choose(stage, i);
}
$('nodes').addEventListener('click', (e) => {
  const [skip, node, value] = ['.skip button', '.node[data-node]', 'a[data-value]'].map((s) => e.target.closest(s));
  if (skip) {
    for (let i = +skip.dataset.from; i < +skip.dataset.to; i++)
      opened.add(i);
    drawNodes();
  } else if (value && node)
    chooseValue(value.dataset.value, node.dataset.side);
  else if (node)
    chooseNode(node);
});

const block = (node) => node.closest('.block');

/* The node `by` rows further on the same side, or across, or the next one that changed. */
function move(by, what) {
  const all = [...$('nodes').querySelectorAll('.node[data-node]')], now = $('nodes').querySelector('.chosen');
  if (!now)
    return all.length && chooseNode(all.find((n) => n.dataset.side === 'r') || all[0]);
  if (what === 'across') {
    const to = block(now).querySelector(`.cell.${by < 0 ? 'left' : 'right'} .node[data-node]`);
    return to && chooseNode(to);
  }
  const fits = (n) => what === 'change' ? !block(n).matches('.same') && block(n) !== block(now)
                                        : n.dataset.side === now.dataset.side;
  for (let i = all.indexOf(now) + by; i >= 0 && i < all.length; i += by)
    if (fits(all[i]))
      return chooseNode(what === 'change' && block(all[i]).querySelector('.cell.right .node[data-node]') || all[i]);
}
$('nodes').addEventListener('keydown', (e) => {
  const screen = (by) => {
    for (let i = $('nodes').clientHeight / 80; i > 0; i--)
      move(by);
  };
  const act = {
    ArrowDown: () => move(1), ArrowUp: () => move(-1), PageDown: () => screen(1), PageUp: () => screen(-1),
    ArrowLeft: () => move(-1, 'across'), ArrowRight: () => move(1, 'across'),
    Home: () => choose(right, 0), End: () => choose(right, stages[right].nodes.length - 1),
  }[e.key];
  if (act && !e.ctrlKey && !e.metaKey && !e.altKey) {
    e.preventDefault();
    act();
  }
});
$('stages').addEventListener('click', (e) => {
  const li = e.target.closest('li');
  if (li)
    setStages(li.dataset.stage - 1, +li.dataset.stage);
});
$('stages').addEventListener('keydown', (e) => {
  const to = {ArrowDown: right + 1, ArrowUp: right - 1, Home: 1, End: last}[e.key];
  if (to !== undefined) {
    e.preventDefault();
    setStages(Math.min(to, last) - 1, to);
  }
});
$('left').addEventListener('change', () => setStages(+$('left').value, Math.max(right, +$('left').value + 1)));
$('right').addEventListener('change', () => setStages(Math.min(left, +$('right').value - 1), +$('right').value));
$('only-changed').addEventListener('change', drawNodes);
