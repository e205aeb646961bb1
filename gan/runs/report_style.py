"""What a run's page looks like, beyond the frame of `kit.html_page`; light or dark as the reader's system is."""

STYLE = """\
:root { color-scheme: light dark; --card: #1f1f23; --one: #fbbf24; --two: #2dd4bf; --three: #a78bfa; }
:root { --good: #34d399; --bad: #fb7185; --page: #18181b; }
@media (prefers-color-scheme: light) {
  :root { --ink: #1c1917; --faint: #57534e; --line: #e7e5e4; --card: #ffffff; --page: #fafaf9; }
  :root { --one: #b45309; --two: #0f766e; --three: #6d28d9; --good: #047857; --bad: #be123c; }
}
body { background: var(--page); }
main { max-width: 1180px; }
header { position: relative; }
.facts { max-width: none; overflow-wrap: anywhere; }
.facts b { color: var(--ink); font-weight: 500; }
.state { display: inline-flex; align-items: center; gap: 8px; margin: 0 0 12px; padding: 3px 12px 3px 10px;
  border: 1px solid var(--line); border-radius: 99px; font-size: 13px; color: var(--ink); }
.state::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--faint); }
.training::before { background: var(--good); animation: beat 2s ease-in-out infinite; }
.stopped::before { background: var(--one); }
@keyframes beat { 50% { opacity: 0.25; } }
@media (prefers-reduced-motion: reduce) { .training::before { animation: none; } }
.alert { max-width: none; padding: 12px 16px; border-left: 3px solid var(--bad); border-radius: 4px;
  background: var(--card); color: var(--ink); }
.figures li { background: var(--card); flex: 1 1 130px; font-size: 13px; }
.figures b { font-size: 26px; letter-spacing: -0.01em; font-variant-numeric: tabular-nums; }
.strip-frame { overflow-x: auto; direction: rtl; } /* where it does not fit, the newest are seen first */
.strip-inner { direction: ltr; margin-right: auto; min-width: calc(var(--columns) * 60px);
  max-width: calc(var(--columns) * 116px); }
.strip-inner img { display: block; width: 100%; image-rendering: pixelated; border-radius: 6px; }
.times { display: grid; grid-template-columns: repeat(var(--columns), 1fr); margin-top: 6px; }
.times span { text-align: center; font-size: 13px; color: var(--faint); font-variant-numeric: tabular-nums; }
.boards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); gap: 20px; }
.boards figure { margin: 0; }
.boards img { display: block; width: 100%; border-radius: 8px; image-rendering: pixelated; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(440px, 100%), 1fr)); gap: 16px; }
.chart { margin: 0; padding: 16px 18px 12px; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
.chart figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 16px; margin: 0; }
.chart figcaption > b { font-size: 15px; }
.chart p { font-size: 13px; margin: 2px 0 12px; }
.keys { display: flex; flex-wrap: wrap; gap: 0 14px; }
.key { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }
.key::before { content: ""; width: 12px; height: 3px; border-radius: 2px; background: var(--own); }
.key b { font-variant-numeric: tabular-nums; }
.plot { display: grid; grid-template-columns: max-content 1fr; gap: 8px; }
.y { display: flex; flex-direction: column; justify-content: space-between; text-align: right; margin: -8px 0;
  font-size: 12px; color: var(--faint); font-variant-numeric: tabular-nums; min-width: 34px; }
.plot svg { height: 150px; overflow: visible; border: 0; }
.plot polyline { fill: none; stroke-width: 1.75; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.plot .dot { stroke-width: 6; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.plot .rule { stroke: var(--line); vector-effect: non-scaling-stroke; }
.plot rect { fill: transparent; }
.plot rect:hover { fill: color-mix(in srgb, var(--ink) 9%, transparent); }
.axis { margin: 8px 0 0 42px; font-variant-numeric: tabular-nums; }
details summary { cursor: pointer; color: var(--faint); }
details table { margin-top: 12px; font-size: 14px; }
td { overflow-wrap: anywhere; }
footer { margin-top: 64px; padding-top: 16px; border-top: 1px solid var(--line); font-size: 13px;
  color: var(--faint); }
"""
