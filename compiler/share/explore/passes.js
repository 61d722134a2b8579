/* The first view: what each pass buys. */

const columns = [
  ['kernels', 'Kernels', count],
  ['bytes_moved', 'Bytes moved', bytes],
  ['arena_bytes', 'Arena', bytes],
  ['macs', 'MACs', amount],
  ['code_bytes', 'Machine code', bytes],
  ['median_ms', 'Time', time],
].filter(([key]) => data.everything[key] !== null);
const rows = [data.everything, ...data.without, ...data.one_after_another];
const most = Object.fromEntries(columns.map(([key]) => [key, Math.max(...rows.map((r) => r[key]))]));

function delta(now, than) {
  const percent = 100 * (now / than - 1), size = Math.abs(percent);
  return (percent > 0 ? '+' : '−') + size.toFixed(size < 10 ? 1 : 0) + ' %';
}

/* Times differ by chance as well: less than 2 % is not worth an accent. */
const differs = (key, now, than) => key === 'median_ms' ? Math.abs(now / than - 1) >= .02 : now !== than;

function cell([key, , show], v, than) {
  const other = than && than[key] ? differs(key, v[key], than[key]) : false;
  return `<td class="${other ? 'differs' : than ? 'equal' : ''}" title="${count(v[key])}">${show(v[key])}` +
    (than ? `<span class="delta">${other ? delta(v[key], than[key]) : ''}</span>` : '<span class="delta"></span>') +
    `<span class="meter"><i style="width:${100 * v[key] / most[key]}%"></i></span></td>`;
}

function row(name, v, than) {
  const stage = stages.findIndex((s) => s.pass === v.pass && v.pass);
  const doc = stage > 0 ? `<span class="doc">${html(stages[stage].doc)}</span>` : '';
  const open = stage > 0 ? ` tabindex="0" data-stage="${stage}" title="Show the graph after ${html(v.pass)}"` : '';
  const cells = columns.map((c) => cell(c, v, than)).join('');
  return `<tr${open}><td><span class="name">${name}</span>${doc}</td>${cells}</tr>`;
}

function table(title, lead, body) {
  const head = columns.map(([, name]) => `<th scope="col">${name}</th>`).join('');
  return `<h2>${title}</h2><p class="lead">${lead}</p>` +
    `<div class="scroll"><table><thead><tr><th scope="col">Pass</th>${head}</tr></thead>` +
    `<tbody>${body}</tbody></table></div>`;
}

function figures() {
  const e = data.everything, bound = data.arena_lower_bound_bytes;
  const gap = e.arena_bytes - bound;
  const above = gap > 0 ? `${(100 * gap / bound).toFixed(1)} % above the lower bound` : 'equal to its lower bound';
  const how = e.median_ms ? `median of ${plural(data.runs, 'run')}, 1 thread` : `not measured: ${html(data.not_timed)}`;
  const items = [
    ['Kernels', count(e.kernels), `from ${plural(stages[0].nodes.length, 'operator')}`],
    ['MACs', amount(e.macs), count(e.macs)],
    ['Bytes moved', bytes(e.bytes_moved), 'activations, by all kernels'],
    ['Arena', bytes(e.arena_bytes), above],
    ['Weights', bytes(data.weights_bytes), plural(data.parameters, 'parameter')],
    e.code_bytes ? ['Machine code', bytes(e.code_bytes), ''] : null,
    ['Time', e.median_ms ? time(e.median_ms) : '–', how],
  ];
  return `<dl class="figures">${items.filter(Boolean).map(([k, v, note]) =>
    `<div><dt>${k}</dt><dd>${v}<small>${note}</small></dd></div>`).join('')}</dl>`;
}

function drawPasses() {
  const on = data.one_after_another;
  $('view-passes').innerHTML = figures() +
    table('One after the other', 'The required passes alone, then each of the others added in its turn. ' +
      'Percentages compare with the row above.',
      on.map((v, i) => row(i ? `+ ${html(v.pass)}` : 'what is required', v, i ? on[i - 1] : null)).join('')) +
    table('Each left out in turn', 'Everything on, then without one pass. Percentages compare with the first row. ' +
      'A pass that later ones need still does its least.',
      row('none left out', data.everything, null) +
      data.without.map((v) => row(`without ${html(v.pass)}`, v, data.everything)).join(''));
}
function openStage(e) {
  const tr = e.target.closest('tr[data-stage]');
  if (tr && (e.type === 'click' || e.key === 'Enter')) {
    setStages(tr.dataset.stage - 1, +tr.dataset.stage);
    show('graph');
    $('nodes').focus();
  }
}
$('view-passes').addEventListener('click', openStage);
$('view-passes').addEventListener('keydown', openStage);
