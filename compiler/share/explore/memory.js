/* The arena over time: kernels from left to right, addresses from bottom to top, a box for each value while it is
   kept. */

const arenaBytes = data.everything.arena_bytes, ncalls = data.kernels.length;
const box = {left: 62, right: 12, top: 14, bottom: 26};
let chart = null; /* from bytes and kernels to pixels: h(bytes), x(call), y(offset) */
let at = -1;      /* the kernel that is pointed at */

function ticks(most, n) {
  const raw = most / n, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
  return Array.from({length: Math.floor(most / step) + 1}, (_, i) => i * step);
}

/* As much of a name as has room. */
function label(name, room) {
  const parts = name.split('.');
  return [name, parts.slice(-2).join('.'), parts.at(-1)].find((t) => t.length <= room && !/^\d/.test(t)) || '';
}

function useHtml(u, i) {
  const x = chart.x(u.first), w = chart.x(u.last + 1) - x, h = chart.h(u.bytes), y = chart.y(u.offset + u.bytes);
  const text = h >= 15 ? label(shortLayers(u.what)[0], Math.floor((w - 9) / 6.3)) : '', down = Math.min(h / 2 + 4, 15);
  return `<rect class="use" role="option" id="use-${i}" data-use="${i}" x="${x + .5}" y="${y + .5}" ` +
    `width="${Math.max(1, w - 1)}" height="${Math.max(1, h - 1)}" rx="2" ` +
    `aria-label="${html(u.what)}, ${bytes(u.bytes)}"></rect>` +
    (text ? `<text class="label" data-for="${i}" x="${x + 5}" y="${y + down}">${html(text)}</text>` : '');
}

/* Bytes in use beside each kernel, as a line of steps. */
function liveLine() {
  const points = data.kernels.flatMap((k, i) => [i, i + 1].map((x) => `${chart.x(x)} ${chart.y(k.live)}`));
  return `M${points.join('L')}`;
}

function drawArena() {
  const w = $('arena').clientWidth, h = $('arena').clientHeight;
  if (!w || !arenaBytes) {
    $('arena').textContent = arenaBytes ? '' : 'This network keeps nothing in the arena.';
    return;
  }
  const wide = w - box.left - box.right, high = h - box.top - box.bottom;
  chart = {
    h: (n) => n / arenaBytes * high,
    x: (call) => box.left + call / ncalls * wide,
    y: (offset) => box.top + (1 - offset / arenaBytes) * high,
  };
  const bound = chart.y(data.arena_lower_bound_bytes);
  const grid = ticks(arenaBytes, high / 60).map((t) =>
    `<line class="axis" x1="${box.left}" x2="${w - box.right}" y1="${chart.y(t)}" y2="${chart.y(t)}"/>` +
    `<text x="${box.left - 8}" y="${chart.y(t) + 4}" text-anchor="end">${bytes(t)}</text>`).join('');
  const numbers = ticks(ncalls, wide / 70).filter((t) => t >= 1 && Number.isInteger(t)).map((t) =>
    `<text x="${chart.x(t - .5)}" y="${h - 8}" text-anchor="middle">${t}</text>`).join('');
  $('arena').innerHTML = `<svg width="${w}" height="${h}">${grid}${numbers}` +
    `<text x="${box.left - 8}" y="${h - 8}" text-anchor="end">kernel</text>` + data.arena.map(useHtml).join('') +
    `<line class="bound" x1="${box.left}" x2="${w - box.right}" y1="${bound}" y2="${bound}"/>` +
    `<path class="live" d="${liveLine()}"/>` +
    `<rect class="now" id="now" x="0" y="${box.top}" width="0" height="${high}"/></svg>`;
  markUses();
}

function drawMemoryBar() {
  const bound = data.arena_lower_bound_bytes, most = Math.max(...data.kernels.map((k) => k.live));
  const worst = data.kernels.findIndex((k) => k.live === most), met = arenaBytes === bound ? ', met' : '';
  $('memory-bar').innerHTML = `<span>Arena <strong>${count(arenaBytes)}</strong> bytes</span>` +
    `<span><span class="key">╌╌</span>lower bound <strong>${count(bound)}</strong>${met}</span>` +
    `<span><span class="key">──</span>in use, most at kernel <strong>${worst + 1}</strong></span>` +
    `<span>${plural(data.arena.length, 'value')}</span>`;
}

const useText = (u) => `<b>${html(u.what)}</b><br>${count(u.bytes)} bytes at ${count(u.offset)}<br>` +
  `kernels ${u.first + 1} to ${u.last + 1}`;

/* What is in the arena while a kernel runs. */
function drawAlive() {
  const now = at >= 0 ? at : chosen.kernel;
  if (now < 0) {
    $('alive').textContent = 'Point at a kernel, or choose a value with the arrow keys.';
    return;
  }
  const alive = data.arena.filter((u) => u.first <= now && now <= u.last).sort((a, b) => b.offset - a.offset);
  const k = data.kernels[now];
  $('alive').innerHTML = `While kernel <b>${now + 1}</b> runs (${html(shortLayers(k.layers).join(' + '))}), ` +
    `<b>${count(k.live)}</b> bytes are in use:<br>` +
    alive.map((u) => `${html(shortLayers(u.what).join(' + '))} <b>${bytes(u.bytes)}</b>`).join(' · ');
  const bar = $('now');
  if (bar && chart) {
    bar.setAttribute('x', chart.x(now));
    bar.setAttribute('width', chart.x(now + 1) - chart.x(now));
  }
}

function markUses() {
  for (const el of $('arena').querySelectorAll('.chosen, .kin')) {
    el.classList.remove('chosen', 'kin');
    el.removeAttribute('aria-selected');
  }
  $('arena').removeAttribute('aria-activedescendant');
  const end = chosen.node >= 0 ? nodeAt(chosen.stage, chosen.node, last) : -1;
  usesOf(end).forEach((i, n) => {
    const el = $(`use-${i}`);
    if (!el)
      return;
    el.classList.add(n ? 'kin' : 'chosen');
    el.setAttribute('aria-selected', 'true');
    $('arena').querySelector(`[data-for="${i}"]`)?.classList.toggle('chosen', !n);
    if (!n)
      $('arena').setAttribute('aria-activedescendant', el.id);
  });
  drawAlive();
}
listeners.push(() => { at = -1; markUses(); });

const chooseUse = (i) => data.arena[i].node >= 0 && choose(last, data.arena[i].node);

/* The value nearest in a direction: in time the next one that begins; in space the one above or below at that time. */
function stepUse(key) {
  const end = chosen.node >= 0 ? nodeAt(chosen.stage, chosen.node, last) : -1, now = usesOf(end)[0] ?? -1;
  const made = data.arena.map((u, i) => ({...u, i})).filter((u) => u.node >= 0 && usesOf(u.node)[0] === u.i);
  const order = [...made].sort((a, b) => a.first - b.first || a.offset - b.offset);
  if (now < 0)
    return order.length && chooseUse(order[0].i);
  const u = data.arena[now], place = order.findIndex((o) => o.i === now);
  const near = made.filter((o) => o.i !== now && o.first <= u.last && u.first <= o.last);
  const to = key === 'ArrowRight' ? order[place + 1] : key === 'ArrowLeft' ? order[place - 1] :
    key === 'Home' ? order[0] : key === 'End' ? order.at(-1) :
    key === 'ArrowUp' ? near.filter((o) => o.offset > u.offset).sort((a, b) => a.offset - b.offset)[0] :
    near.filter((o) => o.offset < u.offset).sort((a, b) => b.offset - a.offset)[0];
  if (to)
    chooseUse(to.i);
}
$('arena').addEventListener('keydown', (e) => {
  if (!['ArrowRight', 'ArrowLeft', 'ArrowUp', 'ArrowDown', 'Home', 'End'].includes(e.key))
    return;
  e.preventDefault();
  stepUse(e.key);
});
$('arena').addEventListener('click', (e) => {
  if (e.target.dataset.use !== undefined)
    chooseUse(+e.target.dataset.use);
});
$('arena').addEventListener('pointermove', (e) => {
  if (!chart)
    return;
  const x = e.clientX - $('arena').getBoundingClientRect().left, i = e.target.dataset?.use;
  const call = Math.floor((x - box.left) / (chart.x(ncalls) - box.left) * ncalls);
  at = call >= 0 && call < ncalls ? call : -1;
  drawAlive();
  if (i !== undefined)
    showTip(useText(data.arena[i]), e);
  else
    $('tip').hidden = true;
});
$('arena').addEventListener('pointerleave', () => {
  at = -1;
  $('tip').hidden = true;
  drawAlive();
});
function showTip(text, e) {
  $('tip').innerHTML = text;
  $('tip').hidden = false;
  const t = $('tip').getBoundingClientRect();
  $('tip').style.left = `${Math.min(e.clientX + 14, innerWidth - t.width - 8)}px`;
  $('tip').style.top = `${Math.min(e.clientY + 14, innerHeight - t.height - 8)}px`;
}
new ResizeObserver(drawArena).observe($('arena'));
