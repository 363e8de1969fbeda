(() => {
  'use strict';
  const find = (id) => document.getElementById(id);
  const make = (name, text, kind) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };
  const data = JSON.parse(find('data').textContent);
  const {columns, rows} = data;
  const byNumber = new Map(rows.map((row) => [row[0], row]));
  const shown = (c, value) =>
      value === null ? '' : columns[c].labels ? columns[c].labels[value] : String(value);

  // What is drawn, of each picture: a polyline for each trial; a dot's is as short as it is.
  const panels = [...document.querySelectorAll('figure svg')].map((svg) => {
    const shapes = [];
    for (const path of svg.querySelectorAll('path[data-n]')) {
      const d = path.getAttribute('d');
      const numbers = path.dataset.n.split(' ').map(Number);
      if (path.classList.contains('curve') || path.classList.contains('trial')) {
        const points = d.slice(1).split('L').map((p) => p.split(' ').map(Number));
        shapes.push({n: numbers[0], points, path});
      } else {
        d.slice(1).split('M').forEach((piece, i) => {
          const [place, width] = piece.split('h');
          const [x, y] = place.split(' ').map(Number);
          shapes.push({n: numbers[i], points: [[x, y], [x + Number(width), y]]});
        });
      }
    }
    const marks = document.createElementNS(svg.namespaceURI, 'g');
    svg.append(marks);
    const ofTrial = new Map();
    for (const shape of shapes) {
      if (!ofTrial.has(shape.n)) ofTrial.set(shape.n, []);
      ofTrial.get(shape.n).push(shape);
    }
    return {svg, shapes, marks, ofTrial};
  });

  const distance = ({points}, x, y) => {
    let least = Infinity;
    for (let i = 0; i + 1 < points.length; ++i) {
      const [ax, ay] = points[i], [bx, by] = points[i + 1];
      const dx = bx - ax, dy = by - ay;
      const square = dx * dx + dy * dy;
      const share = square > 0 ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / square)) : 0;
      least = Math.min(least, (ax + share * dx - x) ** 2 + (ay + share * dy - y) ** 2);
    }
    return least;
  };

  // One trial is marked at a time, in all pictures and in the table.
  const tip = make('div', undefined, 'tip');
  tip.hidden = true;
  document.body.append(tip);
  let marked = null;
  const mark = (n) => {
    if (n === marked) return;
    marked = n;
    for (const {svg, marks, ofTrial} of panels) {
      marks.replaceChildren();
      for (const {points, path} of ofTrial.get(n) || []) {
        let shape;
        if (path) {
          shape = document.createElementNS(svg.namespaceURI, 'path');
          shape.setAttribute('d', path.getAttribute('d'));
        } else if (points[1][0] > points[0][0]) {
          shape = document.createElementNS(svg.namespaceURI, 'rect');
          const box = {x: points[0][0] - 1, y: points[0][1] - 8, width: points[1][0] - points[0][0] + 2, height: 16};
          for (const key in box) shape.setAttribute(key, box[key]);
        } else {
          shape = document.createElementNS(svg.namespaceURI, 'circle');
          const ring = {cx: points[0][0], cy: points[0][1], r: 6};
          for (const key in ring) shape.setAttribute(key, ring[key]);
        }
        shape.setAttribute('class', 'mark');
        marks.append(shape);
      }
    }
    for (const line of document.querySelectorAll('tbody tr')) {
      line.classList.toggle('marked', n !== null && Number(line.dataset.n) === n);
    }
  };
  const showTip = (n, event) => {
    const row = byNumber.get(n);
    tip.replaceChildren(make('b', `trial ${n}` + (row ? `, ${shown(1, row[1])}` : '')));
    if (row) {
      const table = make('table');
      columns.forEach((column, c) => {
        if (c < 2 || row[c] === null || row[c] === '') return;
        const line = make('tr');
        line.append(make('td', column.name), make('td', shown(c, row[c])));
        table.append(line);
      });
      tip.append(table);
    }
    tip.hidden = false;
    const {width, height} = tip.getBoundingClientRect();
    const left = event.clientX + 16 + width > innerWidth ? event.clientX - 16 - width : event.clientX + 16;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 12, innerHeight - height - 4))}px`;
  };
  const leave = () => {
    mark(null);
    tip.hidden = true;
  };
  for (const {svg, shapes} of panels) {
    svg.addEventListener('pointermove', (event) => {
      if (event.buttons) return;
      const matrix = svg.getScreenCTM();
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      let best = null, least = (11 / matrix.a) ** 2;
      for (const shape of shapes) {
        if (shape.path && shape.path.classList.contains('dim')) continue;
        const far = distance(shape, at.x, at.y);
        if (far <= least) {
          least = far;
          best = shape;
        }
      }
      if (!best) return leave();
      mark(best.n);
      showTip(best.n, event);
    });
    svg.addEventListener('pointerleave', leave);
  }

  // Parallel coordinates: dragged along an axis, only lines that pass there stay.
  const chosen = new Map();
  let among = null;  // numbers of the trials that pass, or null: all
  const told = find('brushed');
  const brushed = (panel) => {
    let pass = 0;
    const passing = new Set();
    const lines = panel.shapes.filter((shape) => shape.path);
    for (const shape of lines) {
      let in_all = true;
      for (const {x, from, to} of chosen.values()) {
        const point = shape.points.find((p) => Math.abs(p[0] - x) < 0.2);
        if (!point || point[1] < from || point[1] > to) in_all = false;
      }
      shape.path.classList.toggle('dim', !in_all);
      if (in_all) {
        ++pass;
        passing.add(shape.n);
      }
    }
    among = chosen.size ? passing : null;
    told.textContent = chosen.size ? `${pass} of ${lines.length} lines are chosen${table ? ', and the table below has these' : ''}. A click on an axis ends it.`
                                   : 'Drag along an axis to choose lines.';
    refresh();
  };
  for (const panel of panels) {
    for (const axis of panel.svg.querySelectorAll('rect.brush')) {
      const x = Number(axis.dataset.x);
      const band = document.createElementNS(panel.svg.namespaceURI, 'rect');
      band.setAttribute('class', 'chosen');
      band.setAttribute('x', x - 7);
      band.setAttribute('width', 14);
      let start = null;
      const height = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(panel.svg.getScreenCTM().inverse()).y;
      axis.addEventListener('pointerdown', (event) => {
        axis.setPointerCapture(event.pointerId);
        start = height(event);
        leave();
      });
      axis.addEventListener('pointermove', (event) => {
        if (start === null) return;
        const now = height(event);
        band.setAttribute('y', Math.min(start, now));
        band.setAttribute('height', Math.abs(now - start));
        panel.svg.append(band);
      });
      axis.addEventListener('pointerup', (event) => {
        const now = height(event);
        if (Math.abs(now - start) < 3) {
          band.remove();
          chosen.delete(axis.dataset.axis);
        } else {
          chosen.set(axis.dataset.axis, {x, from: Math.min(start, now), to: Math.max(start, now)});
        }
        start = null;
        brushed(panel);
      });
    }
  }

  // The table: by a column, and of what the filter lets through.
  const table = find('trials');
  const filter = find('filter');
  const state = find('state');
  let limit = 50, order = null;  // null: as they come, the best first
  const passes = (row, terms) => terms.every((term) => {
    const parts = /^(.+?)(<=|>=|!=|=|<|>)(.+)$/.exec(term);
    const c = parts ? columns.findIndex(({name}) => name === parts[1]) : -1;
    if (c < 0) return row.some((value, i) => shown(i, value).toLowerCase().includes(term.toLowerCase()));
    const text = shown(c, row[c]), value = Number(text), wanted = Number(parts[3]);
    const known = text !== '' && !Number.isNaN(value);
    switch (parts[2]) {
      case '=': return text === parts[3] || (known && value === wanted);
      case '!=': return !(text === parts[3] || (known && value === wanted));
      case '<': return known && value < wanted;
      case '>': return known && value > wanted;
      case '<=': return known && value <= wanted;
      default: return known && value >= wanted;
    }
  });
  const compare = (a, b) => {
    const x = a[order.column], y = b[order.column];
    const missing = (value) => value === null || value === 'NaN';
    if (missing(x) || missing(y)) return missing(x) - missing(y) || a[0] - b[0];
    const [p, q] = columns[order.column].labels ? [shown(order.column, x), shown(order.column, y)] : [x, y];
    const less = typeof p === 'number' && typeof q === 'number' ? p - q : String(p).localeCompare(String(q), undefined, {numeric: true});
    return (order.up ? less : -less) || a[0] - b[0];
  };
  const refresh = () => {
    if (!table) return;
    const terms = filter.value.split(/\s+/).filter((term) => term);
    const left = rows.filter((row) => (!among || among.has(row[0])) &&
                                      (state.value === '' || shown(1, row[1]) === state.value) && passes(row, terms));
    if (order) left.sort(compare);
    const body = make('tbody');
    for (const row of left.slice(0, limit)) {
      const line = make('tr');
      line.dataset.n = row[0];
      if (row[0] === data.best) line.className = 'is-best';
      columns.forEach((column, c) => {
        const cell = make('td', shown(c, row[c]), column.text ? 'text' : '');
        if (cell.textContent.length > 30) cell.title = cell.textContent;
        line.append(cell);
      });
      line.addEventListener('pointerenter', () => mark(row[0]));
      body.append(line);
    }
    body.addEventListener('pointerleave', leave);
    table.tBodies[0].replaceWith(body);
    const count = (n) => n.toLocaleString('en-US');
    find('found').textContent = `${left.length === rows.length ? '' : `${count(left.length)} of `}${count(rows.length)} trials`;
    find('more').hidden = left.length <= limit;
    [...table.tHead.rows[0].cells].forEach((cell, c) => {
      cell.setAttribute('aria-sort', !order || c !== order.column ? 'none' : order.up ? 'ascending' : 'descending');
    });
  };
  if (table) {
    [...table.tHead.rows[0].cells].forEach((cell, c) => {
      const button = make('button', cell.textContent);
      button.addEventListener('click', () => {
        order = {column: c, up: order && order.column === c ? !order.up : true};
        refresh();
      });
      cell.replaceChildren(button);
    });
    for (const input of [filter, state]) input.addEventListener('input', refresh);
    find('more').addEventListener('click', () => {
      limit += 200;
      refresh();
    });
    find('tools').hidden = false;
    refresh();
  }
  if (told) told.textContent = 'Drag along an axis to choose lines.';

  const copy = find('copy');
  if (copy) {
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      const command = find('command');
      getSelection().selectAllChildren(command);
      try {
        await navigator.clipboard.writeText(command.textContent);
        copy.textContent = 'Copied';
        setTimeout(() => copy.textContent = 'Copy', 1500);
      } catch {
        copy.textContent = 'Selected';
      }
    });
  }
  document.documentElement.dataset.ready = rows.length;
})();
