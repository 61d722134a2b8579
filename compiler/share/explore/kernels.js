/* Bytes and time of each kernel as bars. */

const moved = (k) => k.read + k.written + k.weights;
const sorts = {
  order: ['#', (k, i) => i],
  layers: ['Layers', null],
  impl: ['Kernel', null],
  macs: ['MACs', (k) => -k.macs],
  bytes: ['Bytes', (k) => -moved(k)],
  time: ['Time', (k) => -k.ms],
  speed: ['GFLOP/s', (k) => -(k.ms ? k.macs / k.ms : 0)],
};
let sorted = 'order', kernelOrder = [];
const timed = data.kernels.some((k) => k.ms);

function headHtml() {
  const wide = {impl: 1, macs: 1, speed: 1}, right = {order: 1, macs: 1, speed: 1};
  return `<div class="krow head">${Object.entries(sorts).map(([key, [name, by]]) =>
    `<span class="${wide[key] ? 'wide' : ''} ${right[key] ? 'num' : ''}">` +
    (by ? `<button data-sort="${key}" aria-pressed="${key === sorted}" title="Sort by ${name}">${name}</button>` :
      `<span class="soft" style="font-size:12px;font-weight:600">${name}</span>`) + '</span>').join('')}</div>`;
}

function drawKernels() {
  const most = Math.max(...data.kernels.map(moved)), slowest = Math.max(...data.kernels.map((k) => k.ms || 0));
  const by = sorts[sorted][1], part = (n, b) => n ? `<i class="b${b}" style="width:${100 * n / most}%"></i>` : '';
  kernelOrder = data.kernels.map((_, i) => i).sort((a, b) => by(data.kernels[a], a) - by(data.kernels[b], b) || a - b);
  $('kernels').innerHTML = headHtml() + kernelOrder.map((i) => {
    const k = data.kernels[i], clock = k.ms ? `<i class="b1" style="width:${100 * k.ms / slowest}%"></i>` : '';
    return `<div class="krow" role="option" id="kernel-${i}" data-kernel="${i}">` +
      `<span class="num soft">${i + 1}</span><span title="${html(k.layers)}">${titleHtml(k.layers)}</span>` +
      `<span class="impl" title="${html(k.impl)}">${html(k.impl.replace(/(lanes|tile)=/g, ''))}</span>` +
      `<span class="num wide">${k.macs ? amount(k.macs) : ''}</span>` +
      `<span class="track" title="${count(k.read)} B read, ${count(k.written)} written, ${count(k.weights)} of weights">` +
      `<span class="fill">${part(k.read, 1)}${part(k.written, 2)}${part(k.weights, 3)}</span>` +
      `<span class="num">${bytes(moved(k))}</span></span><span class="track"><span class="fill">${clock}</span>` +
      `<span class="num">${k.ms ? time(k.ms) : ''}</span></span>` +
      `<span class="num wide">${k.ms && k.macs ? (2e-6 * k.macs / k.ms).toFixed(1) : ''}</span></div>`;
  }).join('');
  markKernel();
}

function drawKernelBar() {
  const sum = data.kernels.reduce((s, k) => s + (k.ms || 0), 0);
  const legend = [['b1', 'activations read'], ['b2', 'written'], ['b3', 'weights']];
  $('kernel-bar').innerHTML = `<span><strong>${count(data.kernels.length)}</strong> kernels` +
    (timed ? `, <strong>${time(sum)}</strong> together (medians, one by one)` : '') + '</span>' +
    legend.map(([c, name]) => `<span><span class="swatch ${c}"></span>${name}</span>`).join('') +
    (timed ? '' : `<span>times: ${html(data.not_timed || 'none')}</span>`);
}

function markKernel() {
  $('kernels').querySelector('.chosen')?.classList.remove('chosen');
  $('kernels').querySelector('[aria-selected]')?.removeAttribute('aria-selected');
  $('kernels').removeAttribute('aria-activedescendant');
  const el = $(`kernel-${chosen.kernel}`);
  if (!el)
    return;
  el.classList.add('chosen');
  el.setAttribute('aria-selected', 'true');
  $('kernels').setAttribute('aria-activedescendant', el.id);
  if (!$('view-kernels').hidden)
    reveal($('kernels'), el);
}
listeners.push(markKernel);

$('kernels').addEventListener('click', (e) => {
  const sort = e.target.closest('[data-sort]'), el = e.target.closest('[data-kernel]');
  if (sort) {
    sorted = sort.dataset.sort;
    drawKernels();
    $('kernels').scrollTop = 0;
  } else if (el)
    chooseKernel(+el.dataset.kernel);
});
$('kernels').addEventListener('keydown', (e) => {
  const at = kernelOrder.indexOf(chosen.kernel), n = kernelOrder.length;
  const by = {ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -n, End: n}[e.key], to = at + by;
  if (!by || e.target !== $('kernels'))
    return;
  e.preventDefault();
  chooseKernel(kernelOrder[Math.max(0, Math.min(n - 1, to))]);
});
