/**
 * How the page of a report looks: light and dark, on a phone and on paper.
 */

/** The style sheet. */
export const PAGE_STYLE: string = `
:root{color-scheme:light dark;
--ink:#1c2126;--dim:#5b6570;--paper:#fff;--line:#d8dde2;--soft:#f4f6f8;
--good:#156c37;--bad:#b3261e;--doubt:#8a5a00}
@media (prefers-color-scheme:dark){:root{
--ink:#e6e9ec;--dim:#9aa5b0;--paper:#14181c;--line:#333b43;
--soft:#1d2329;--good:#6fce93;--bad:#ff8a80;--doubt:#f0b95c}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:56rem;padding:1.5rem 1rem 4rem;
background:var(--paper);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif}
h1{margin:0;font-size:1.1rem;color:var(--dim);font-weight:600}
h2{margin:2.5rem 0 .75rem;font-size:1.3rem}
h3{margin:0;font-size:1.05rem}
code,pre,.target{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere}
.target{margin:.25rem 0;font-size:1.05rem}
.verdict{margin:.5rem 0 1rem;font-size:1.9rem;font-weight:700;line-height:1.2}
.grades{border-collapse:collapse;margin:0 0 1rem}
.grades th,.grades td{padding:.3rem 1rem .3rem 0;text-align:left;vertical-align:top}
header dl{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:0;color:var(--dim);font-size:.85rem}
header dl div{display:flex;gap:.4rem}
header dl dd{margin:0;color:var(--ink)}
section{border-top:1px solid var(--line);padding:1rem 0}
.level,.where{margin-left:.4rem;color:var(--dim);font-size:.85rem;font-weight:400}
.asks{margin:.1rem 0 .6rem;color:var(--dim)}
.check{margin:.35rem 0;padding:.45rem .7rem;background:var(--soft);border-radius:.4rem}
.check b{font-weight:500}
.check code{color:var(--dim)}
.check dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem;margin:.4rem 0 0;
font-size:.9rem}
.check dt{color:var(--dim)}
.check dd{margin:0;overflow-wrap:anywhere}
.mark{display:inline-block;min-width:6.5rem;font-size:.8rem;font-weight:700}
.pass,.conformant{color:var(--good)}
.fail,.not-conformant{color:var(--bad)}
.warn,.setup-failed,.harness-failed,.undetermined{color:var(--doubt)}
.skipped,.blocked,.info{color:var(--dim)}
details{margin-top:.5rem;font-size:.9rem}
a{color:inherit}
.decisive>pre:first-of-type{border-color:var(--bad)}
pre{white-space:pre-wrap;border-left:3px solid var(--line);margin:.4rem 0 0;padding:.2rem .8rem}
@media (max-width:36rem){.check dl{grid-template-columns:1fr}.grades td:last-child{display:none}}
@media print{body{max-width:none}.check{break-inside:avoid;border:1px solid var(--line)}}
`
