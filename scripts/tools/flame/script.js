const boxes = [...document.querySelectorAll('.f')].map(g => ({
	g, rect: g.querySelector('rect'), text: g.querySelector('text'),
	name: g.dataset.n, x: +g.dataset.x, w: +g.dataset.w, d: +g.dataset.d,
}));

function fit(b, wide) {
	const room = Math.floor((wide - 6) / L), runes = [...b.name];
	if (wide < MIN) return '';
	if (runes.length <= room) return b.name;
	if (room < 3) return '';
	return b.d < 2 ? runes.slice(0, room - 1).join('') + '…' : '…' + runes.slice(runes.length - room + 1).join('');
}

// widen makes one box as wide as the picture; what calls it stays above, faded.
function widen(to) {
	for (const b of boxes) {
		const above = b.d < to.d && b.x <= to.x + 1e-9 && b.x + b.w >= to.x + to.w - 1e-9;
		const x = above ? 0 : (b.x - to.x) / to.w, w = above ? 1 : b.w / to.w;
		const seen = above || (b.d >= to.d && x > -1e-6 && x + w < 1 + 1e-6);
		b.g.style.display = seen ? '' : 'none';
		b.g.classList.toggle('old', above);
		if (!seen) continue;
		b.rect.setAttribute('x', M + x * W);
		b.rect.setAttribute('width', Math.max(w * W, 0));
		b.text.setAttribute('x', M + x * W + 3);
		b.text.textContent = fit(b, w * W);
	}
}

// find marks what matches, and says how much of the whole that is; a match inside a match counts once.
function find(pattern) {
	let re = null, sum = 0;
	try { re = pattern && new RegExp(pattern, 'i'); } catch { return; }
	const hits = boxes.filter(b => {
		const hit = !!re && re.test(b.name);
		b.g.classList.toggle('hit', hit);
		return hit;
	}).sort((a, b) => a.x - b.x || a.d - b.d);
	let end = -1;
	for (const b of hits) if (b.x >= end - 1e-9) { sum += b.w; end = b.x + b.w; }
	document.getElementById('info').textContent = re ? pattern + ': ' + (100 * sum).toFixed(1) + ' %' : '';
}

for (const b of boxes) b.g.addEventListener('click', () => widen(b));
window.addEventListener('keydown', e => {
	if (e.key === '/' || (e.key === 'f' && (e.ctrlKey || e.metaKey))) {
		e.preventDefault();
		find(prompt('Find functions by a regular expression:', '') || '');
	}
	if (e.key === 'Escape') { find(''); widen(boxes[0]); }
});
