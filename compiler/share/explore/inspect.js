/* The right side: facts about what is selected, its lines of the spec, and the C of its kernel. */

/* What is selected: a node at a stage, and the kernel that it became. Every view shows the same selection. */
const chosen = {stage: -1, node: -1, kernel: -1};
const listeners = [];
function choose(stage, node, kernel = -1) {
  const end = nodeAt(stage, node, last);
  Object.assign(chosen, {stage, node, kernel: kernel >= 0 ? kernel : kernelsOf(end)[0] ?? -1});
  showFacts();
  showSpec();
  showCode();
  listeners.forEach((f) => f());
}
function chooseKernel(k) {
  const node = data.kernels[k].node;
  if (node >= 0)
    return choose(last, node, k);
  Object.assign(chosen, {stage: -1, node: -1, kernel: k});
  showFacts();
  showSpec();
  showCode();
  listeners.forEach((f) => f());
}

const fileName = (f) => data.files[f].path;
const link = (f, line) => `<a href="#" data-file="${f}" data-line="${line}">${html(fileName(f))}:${line}</a>`;
const place = (r) => r.loc.length ? `${fileName(r.loc[0][0]).split('/').pop()}:${r.loc[0][1]}` : '';

/* ---- facts ---- */

function facts(rows) {
  return `<dl>${rows.filter(([, v]) => v).map(([k, v]) => `<dt>${k}</dt><dd>${v}</dd>`).join('')}</dl>`;
}

function kernelFacts(k) {
  const speed = k.ms && k.macs ? `, ${(2e-6 * k.macs / k.ms).toFixed(1)} GFLOP/s` : '';
  return [
    ['Kernel', `<code>${html(k.name)}</code> <span class="soft">${html(k.impl)}</span>`],
    ['Work', `${amount(k.macs)} MACs${k.ms ? `, ${time(k.ms)}${speed}` : ''}`],
    ['Moves', `reads ${bytes(k.read)}, writes ${bytes(k.written)}, ${bytes(k.weights)} of weights`],
    ['Arena', data.arena.flatMap((u) => u.node === k.node && k.node >= 0 ?
      [`${count(u.offset)}–${count(u.offset + u.bytes)}, kernels ${u.first + 1}–${u.last + 1}`] : []).join('<br>')],
  ];
}

/* The steps that open the scopes around a node: the lines that give those names, where one line alone does. */
function scopeLinks(r) {
  return r.title.split(' + ')[0].split('.').slice(0, -1).flatMap((scope) => {
    const found = data.files.flatMap((f, i) => f.text.split('\n').flatMap((line, n) =>
      new RegExp(`\\bname: *['"]?${scope.replace(/\W/g, '')}['"]?\\s*[,}]`).test(line) ? [[i, n + 1]] : []));
    return scope.match(/^\w*[a-z]\w*$/i) && found.length === 1 ? [`${html(scope)} ${link(...found[0])}`] : [];
  }).join(', ');
}

function showFacts() {
  const k = chosen.kernel >= 0 ? data.kernels[chosen.kernel] : null;
  if (chosen.node < 0) {
    $('facts-title').innerHTML = k ? titleHtml(k.layers) : 'Nothing selected';
    $('facts').innerHTML = k ? facts(kernelFacts(k)) : '';
    return;
  }
  const r = record(chosen.stage, chosen.node), end = nodeAt(chosen.stage, chosen.node, last);
  $('facts-title').innerHTML = titleHtml(r.title);
  const where = r.loc.map((l) => link(l[0], l[1])).join(', ');
  const becomes = chosen.stage < last && end < 0 ? 'nothing: no node is left of it' :
    chosen.stage < last && end >= 0 && record(last, end).title !== r.title ? titleHtml(record(last, end).title) : '';
  const type = /:\s*([a-z]\d+\[[\d,]*\])[^:]*$/.exec(r.text.split('\n       ;')[0]);
  $('facts').innerHTML = facts([
    ['Spec', where],
    ['Within', scopeLinks(r)],
    ['Stage', stages[chosen.stage].pass ? `after ${html(stageName(chosen.stage))}` : 'as written'],
    ['Result', type ? `<code>${html(type[1])}</code>` : ''],
    ['Becomes', becomes],
    ...(k ? kernelFacts(k) : []),
  ]);
}

/* ---- the spec ---- */

/* Which nodes of a stage each line of each file makes: "file:line" to a list. */
const makers = stages.map(() => null);
function madeBy(stage) {
  if (!makers[stage]) {
    makers[stage] = new Map();
    stages[stage].nodes.forEach((r, i) => data.records[r].loc.forEach(([f, line]) => {
      const key = `${f}:${line}`;
      makers[stage].set(key, [...(makers[stage].get(key) || []), i]);
    }));
  }
  return makers[stage];
}

let file = 0, shownStage = -1, shownFile = -1;

function yamlHtml(line) {
  const comment = /(^|\s)#.*$/.exec(line), at = comment ? comment.index : line.length;
  return html(line.slice(0, at)).replace(/([\w$]+)(:)(?=\s|$)/g, '<span class="k">$1</span>$2') +
    (comment ? `<span class="m">${html(line.slice(at))}</span>` : '');
}

function drawFile(stage) {
  const made = madeBy(stage);
  $('files').innerHTML = data.files.map((f, i) =>
    `<button data-file="${i}" aria-pressed="${i === file}">${html(f.path)}</button>`).join('');
  $('spec').innerHTML = data.files[file].text.replace(/\n$/, '').split('\n').map((line, i) => {
    const n = (made.get(`${file}:${i + 1}`) || []).length;
    return `<div class="yl${n ? ' has' : ''}" data-line="${i + 1}"${n ? ` title="${plural(n, 'node')}"` : ''}>` +
      `<span class="uses">${n > 1 ? n + '×' : ''}</span><span class="no">${i + 1}</span>` +
      `<span class="y">${yamlHtml(line)}</span></div>`;
  }).join('');
  shownStage = stage;
  shownFile = file;
}

/* The words that the place covers are underlined; columns count bytes. */
function markPlace(row, [, line, col, len]) {
  const text = data.files[file].text.split('\n')[line - 1], raw = new TextEncoder().encode(text);
  const part = (a, b) => new TextDecoder().decode(raw.slice(a, b));
  row.querySelector('.y').innerHTML = yamlHtml(part(0, col - 1)) + `<u>${yamlHtml(part(col - 1, col - 1 + len))}</u>` +
    yamlHtml(part(col - 1 + len));
}

function showSpec(only) {
  const stage = chosen.node >= 0 ? chosen.stage : last;
  const r = chosen.node >= 0 ? record(chosen.stage, chosen.node) : null;
  if (r && r.loc.length && only === undefined)
    file = r.loc[0][0];
  if (!data.files.length)
    return;
  drawFile(stage);
  if (!r)
    return;
  let first = null;
  r.loc.forEach((l, i) => {
    if (l[0] !== file)
      return;
    const row = $('spec').children[l[1] - 1];
    row.classList.add(i ? 'also' : 'hit');
    markPlace(row, l);
    first ??= row;
  });
  if (first)
    $('spec').scrollTop = first.offsetTop - $('spec').offsetTop - $('spec').clientHeight / 3;
}

/* The nodes of a line one after the other. */
function chooseLine(line) {
  const stage = chosen.node >= 0 ? chosen.stage : last, made = madeBy(stage).get(`${file}:${line}`);
  if (!made)
    return;
  const at = made.indexOf(chosen.node), scroll = $('spec').scrollTop;
  choose(stage, made[(at + 1) % made.length]);
  $('spec').scrollTop = scroll;
}
$('spec').addEventListener('click', (e) => {
  const row = e.target.closest('.yl.has');
  if (row)
    chooseLine(+row.dataset.line);
});
$('facts').addEventListener('click', (e) => {
  const a = e.target.closest('a[data-file]');
  if (!a)
    return;
  e.preventDefault();
  file = +a.dataset.file;
  showSpec(file);
  const row = $('spec').children[a.dataset.line - 1];
  row.classList.add('also');
  $('spec').scrollTop = row.offsetTop - $('spec').offsetTop - $('spec').clientHeight / 3;
});
$('files').addEventListener('click', (e) => {
  const b = e.target.closest('button');
  if (b) {
    file = +b.dataset.file;
    showSpec(file);
  }
});

/* ---- C ---- */

const keywords = /^(?:static|const|void|float|int|long|restrict|for|if|else|return|[fi]32x\d+|int32_t)$/;
function cHtml(text) {
  return text.replace(/\/\*[^]*?\*\/|[A-Za-z_]\w*|[&<>"]/g, (w) =>
    w.startsWith('/*') ? `<span class="m">${html(w)}</span>` :
      keywords.test(w) ? `<span class="k">${w}</span>` : html(w));
}
function showCode() {
  const k = chosen.kernel >= 0 ? data.kernels[chosen.kernel] : null;
  const users = k ? data.kernels.filter((o) => o.code === k.code).length : 0;
  $('c-title').textContent = 'Generated C' + (k ? `: ${k.name}()` : '') + (users > 1 ? `, called ${users} times` : '');
  $('c').innerHTML = k ? cHtml(data.code[k.code]) : '<span class="m">Choose a node that a kernel computes.</span>';
  $('c').scrollTop = 0;
}
