/* Views, search, theme, keys, and the address that brings one back to the same place. */

const views = ['passes', 'graph', 'kernels', 'memory'];
let view = '';
function show(name) {
  view = name;
  for (const v of views) {
    $(`view-${v}`).hidden = v !== name;
    $(`tab-${v}`).setAttribute('aria-selected', v === name);
    $(`tab-${v}`).tabIndex = v === name ? 0 : -1;
  }
  $('inspect').hidden = name === 'passes';
  ({graph: markNodes, kernels: markKernel, memory: drawArena})[name]?.();
  remember();
}
const focusOf = {passes: 'tab-passes', graph: 'nodes', kernels: 'kernels', memory: 'arena'};

/* #/graph/2/5/5.17: a view, two stages, and the selected node of a stage; kept out of the history. */
let ready = false;
function remember() {
  if (!ready)
    return;
  const node = chosen.node >= 0 ? `/${chosen.stage}.${chosen.node}` : '';
  history.replaceState(null, '', `#/${view}/${left}/${right}${node}`);
}
listeners.push(remember);
function recall() {
  const [name, a, b, node] = location.hash.slice(2).split('/');
  setStages(a ? +a || 0 : 0, b ? +b || 1 : last);
  show(views.includes(name) ? name : 'passes');
  const [stage, i] = (node || `${last}.0`).split('.').map(Number);
  if (stages[stage]?.nodes[i] !== undefined)
    choose(stage, i);
}

for (const v of views)
  $(`tab-${v}`).addEventListener('click', () => show(v));
document.querySelector('nav').addEventListener('keydown', (e) => {
  const to = {ArrowRight: 1, ArrowLeft: -1}[e.key];
  if (to) {
    show(views[(views.indexOf(view) + to + views.length) % views.length]);
    $(`tab-${view}`).focus();
  }
});

/* ---- search ---- */

let hits = [], hit = 0;
function search() {
  const q = $('search').value.trim().toLowerCase(), stage = view === 'graph' ? right : last;
  const score = ({title, text}) => {
    const at = title.toLowerCase().indexOf(q);
    return at === 0 ? 0 : at > 0 ? 1 : text.toLowerCase().includes(q) ? 2 : 3;
  };
  hits = !q ? [] : stages[stage].nodes.map((r, i) => ({stage, i, score: score(data.records[r])}))
    .filter((h) => h.score < 3).sort((a, b) => a.score - b.score || a.i - b.i).slice(0, 60);
  hit = 0;
  drawHits(q);
}
function drawHits(q) {
  $('found').hidden = !q;
  $('search').setAttribute('aria-expanded', Boolean(q));
  $('found').innerHTML = hits.map((h, i) => {
    const r = record(h.stage, h.i);
    return `<li role="option" id="hit-${i}" data-hit="${i}" aria-selected="${i === hit}">` +
      `<span>${titleHtml(r.title)}</span><span class="place">${html(place(r))}</span></li>`;
  }).join('') || '<li class="none">No node has that in its text.</li>';
  if (hits.length)
    $('search').setAttribute('aria-activedescendant', `hit-${hit}`);
  $(`hit-${hit}`)?.scrollIntoView({block: 'nearest'});
}
function takeHit() {
  if (!hits[hit])
    return;
  const {stage, i} = hits[hit];
  closeSearch();
  if (view === 'passes')
    show('graph');
  choose(stage, i);
  $(focusOf[view]).focus();
}
function closeSearch() {
  $('search').value = '';
  hits = [];
  drawHits('');
}
$('search').addEventListener('input', search);
$('search').addEventListener('keydown', (e) => {
  if (e.key === 'Enter')
    takeHit();
  else if (e.key === 'Escape') {
    closeSearch();
    $(focusOf[view]).focus();
  } else if ((e.key === 'ArrowDown' || e.key === 'ArrowUp') && hits.length) {
    e.preventDefault();
    hit = (hit + (e.key === 'ArrowDown' ? 1 : -1) + hits.length) % hits.length;
    drawHits($('search').value);
  }
});
$('search').addEventListener('blur', () => setTimeout(closeSearch, 150));
$('found').addEventListener('pointerdown', (e) => {
  const li = e.target.closest('[data-hit]');
  if (li) {
    e.preventDefault();
    hit = +li.dataset.hit;
    takeHit();
  }
});

/* ---- theme ---- */

const dark = matchMedia('(prefers-color-scheme: dark)');
let wanted = null;
try {
  wanted = localStorage.getItem('dsqc-theme');
} catch {
  /* no storage for this file: the choice lasts as long as the page */
}
function paint() {
  document.documentElement.dataset.theme = wanted || (dark.matches ? 'dark' : 'light');
  $('theme').textContent = document.documentElement.dataset.theme === 'dark' ? 'Light' : 'Dark';
}
function toggleTheme() {
  wanted = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem('dsqc-theme', wanted);
  } catch {
    /* as above */
  }
  paint();
}
dark.addEventListener('change', paint);
$('theme').addEventListener('click', toggleTheme);
$('help').addEventListener('click', () => $('keys').showModal());

/* ---- keys that work everywhere ---- */

document.addEventListener('keydown', (e) => {
  if (e.target.matches('input, select') || e.ctrlKey || e.metaKey || e.altKey || $('keys').open)
    return;
  const graph = (f) => view === 'graph' ? f : null;
  const act = {
    '/': () => $('search').focus(), t: toggleTheme, '?': () => $('keys').showModal(),
    n: graph(() => move(1, 'change')), N: graph(() => move(-1, 'change')),
    '[': graph(() => setStages(right - 2, right - 1)), ']': graph(() => setStages(right, right + 1)),
    c: graph(() => $('only-changed').click()),
  }[e.key] || (views[+e.key - 1] ? () => { show(views[+e.key - 1]); $(focusOf[view]).focus(); } : null);
  if (act) {
    e.preventDefault();
    act();
  }
});

/* ---- begin ---- */

const options = [data.target, `-O${data.opt_level}`, data.strict ? 'strict' : '', ...data.set, `dsqc ${data.version}`];
$('how').textContent = options.filter(Boolean).join(' · ');
paint();
drawPasses();
drawStages();
drawKernelBar();
drawKernels();
drawMemoryBar();
recall();
ready = true;
