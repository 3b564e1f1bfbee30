/* blind.c - see blind.h. Five steps with words at both ends: the absolute category
 * rating of ITU-T P.800. */
#include "page/blind.h"
#include "base/hash.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 5 };

static const bl_scale scales[BL_SCALES] = {
    {"overall", "How good is it?", "bad", "excellent"},
    {"harmony", "Do the notes sound right together?", "never", "always"},
    {"rhythm", "Does the rhythm hold?", "not at all", "firmly"},
    {"structure", "Does it come back to its ideas and lead somewhere?", "not at all",
     "like a finished piece"},
    {"human", "Did a person write it?", "surely not", "surely"},
};

const bl_scale *bl_scales(void)
{
    return scales;
}

static const char style[] =
    "*{box-sizing:border-box}html{color-scheme:light dark}"
    "body{margin:0 auto;padding:1rem;max-width:720px;background:var(--bg);"
    "color:var(--fg);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.1rem;margin:0 0 .5rem}"
    "p{margin:.4rem 0 .8rem}.dim{color:var(--dim)}"
    "article{margin:1rem 0;padding:.8rem;border:1px solid var(--rule);"
    "border-radius:8px}article.done h2::after{content:' \\2713';color:var(--a)}"
    "audio{width:100%;height:2.4rem;margin-bottom:.4rem}"
    "fieldset{border:0;margin:.7rem 0 0;padding:0;min-width:0}legend{padding:0}"
    ".steps,.ends{display:flex;justify-content:space-between;max-width:22rem}"
    ".ends{font-size:.8rem;color:var(--dim);margin-top:-.3rem}"
    ".steps label{display:inline-flex;align-items:center;gap:.2rem;min-height:2rem;"
    "cursor:pointer}"
    "input[type=text]{font:inherit;padding:.2rem .4rem;max-width:100%}"
    "footer{position:sticky;bottom:0;background:var(--bg);padding:.6rem 0;"
    "border-top:1px solid var(--rule);display:flex;flex-wrap:wrap;gap:.4rem 1rem;"
    "align-items:center}button{font:inherit;padding:.35rem .9rem;cursor:pointer}";

/* Ratings live in the form itself; order, answers and name are kept where the browser
 * lets a page keep something. Text for TSV loses tabs and line ends. */
static const char script[] =
    "'use strict';(()=>{"
    "const "
    "$=(s,e=document)=>[...e.querySelectorAll(s)],id=s=>document.getElementById(s),"
    "key=atob(id('key').textContent.trim()).split('\\n').filter(x=>x)"
    ".map(x=>x.split('\\t')),"
    "store='barline-blind-'+document.body.dataset.page,box=id('pieces'),"
    "plain=s=>s.replace(/[\\x00-\\x1f\\x7f#]+/g,' ').trim();"
    "let kept={};try{kept=JSON.parse(localStorage.getItem(store))||{}}catch(e){}"
    "const keep=()=>{try{localStorage.setItem(store,JSON.stringify(kept))}catch(e){}};"
    "const draw=n=>{const a=[...Array(n).keys()],r=crypto.getRandomValues("
    "new Uint32Array(n));for(let i=n-1;i>0;i--){const k=r[i]%(i+1);"
    "[a[i],a[k]]=[a[k],a[i]]}return a};"
    "if(!Array.isArray(kept.order)||kept.order.length!==key.length)"
    "kept={order:draw(key.length),answer:{},heard:{},"
    "rater:'listener-'+crypto.getRandomValues(new Uint32Array(1))[0].toString(16)};"
    "keep();const rater=id('rater');rater.value=kept.rater;"
    "rater.onchange=()=>{kept.rater=plain(rater.value)||kept.rater;"
    "rater.value=kept.rater;keep()};"
    "kept.order.forEach((k,i)=>{const a=id('p'+k);"
    "a.querySelector('h2').textContent='Piece '+(i+1)+' of '+key.length;"
    "box.append(a)});"
    "const total=$('fieldset').length;"
    "const tell=()=>{for(const a of $('article'))a.classList.toggle('done',"
    "$('fieldset',a).every(f=>f.querySelector(':checked')));"
    "const n=$('input[type=radio]:checked').length;"
    "id('progress').textContent=n+' of '+total+' answers'+"
    "(n<total?'':': thank you; now save the file')};"
    "for(const r of $('input[type=radio]')){"
    "if(kept.answer[r.name]===r.value)r.checked=true;"
    "r.onchange=()=>{kept.answer[r.name]=r.value;keep();tell()}}"
    "for(const m of $('audio')){const k=m.parentNode.id.slice(1);let last=-1;"
    "m.onplay=()=>{last=m.currentTime;for(const o of $('audio'))if(o!==m)o.pause()};"
    "m.onseeking=()=>{last=-1};"
    "m.ontimeupdate=()=>{const t=m.currentTime;if(last>=0&&t>last&&t-last<2)"
    "kept.heard[k]=(kept.heard[k]||0)+t-last;last=t;keep()}}"
    "id('save').onclick=()=>{let t='# barline ratings/1\\n"
    "rater\\tset\\tpiece\\tscale\\trating\\tplace\\theard\\n';"
    "kept.order.forEach((k,i)=>{for(const r of $('#p'+k+' :checked'))"
    "t+=[kept.rater,...key[k],r.dataset.scale,r.value,i+1,"
    "(kept.heard[k]||0).toFixed(1)].join('\\t')+'\\n'});"
    "const a=document.createElement('a');"
    "a.href=URL.createObjectURL(new Blob([t],{type:'text/tab-separated-values'}));"
    "a.download='ratings-'+kept.rater.replace(/[^A-Za-z0-9._-]+/g,'_')+'.tsv';"
    "a.click();setTimeout(()=>URL.revokeObjectURL(a.href),10000)};"
    "tell()})();";

/* The places of the pieces by a seeded shuffle (Fisher and Yates). */
static void shuffle(size_t *order, size_t n, uint64_t seed)
{
    bl_rng rng = bl_rng_make(seed, 0);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t k = bl_rng_below(&rng, (uint32_t)i), kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
}

static void write_scale(bl_svg *s, size_t piece, const bl_scale *scale)
{
    bl_svg_raw(s, "<fieldset><legend>");
    bl_svg_escape(s, scale->question);
    bl_svg_raw(s, "</legend><div class=\"steps\">");
    for (int step = 1; step <= STEPS; step++) {
        bl_svg_printf(s, "<label><input type=\"radio\" name=\"%zu-", piece);
        bl_svg_escape(s, scale->name);
        bl_svg_raw(s, "\" data-scale=\"");
        bl_svg_escape(s, scale->name);
        bl_svg_printf(s, "\" value=\"%d\">%d</label>", step, step);
    }
    bl_svg_raw(s, "</div><div class=\"ends\"><span>");
    bl_svg_escape(s, scale->low);
    bl_svg_raw(s, "</span><span>");
    bl_svg_escape(s, scale->high);
    bl_svg_raw(s, "</span></div></fieldset>\n");
}

static void write_piece(bl_svg *s, const bl_blind *b, size_t place, size_t piece)
{
    bl_svg_printf(s, "<article id=\"p%zu\"><h2>Piece %zu of %zu</h2>\n", place,
                  place + 1, b->n);
    bl_svg_raw(s, "<audio controls preload=\"metadata\" src=\"data:audio/ogg;base64,");
    bl_svg_base64(s, b->piece[piece].sound);
    bl_svg_raw(s, "\"></audio>\n");
    for (size_t k = 0; k < b->n_scales; k++)
        write_scale(s, place, &b->scale[k]);
    bl_svg_raw(s, "</article>\n");
}

/* Which place is which piece: out of sight of those who rate, not of those who dig. */
static void write_key(bl_svg *s, const bl_blind *b, const size_t *order)
{
    bl_buf key = {0};
    for (size_t i = 0; i < b->n && s->rc == 0; i++)
        s->rc = bl_buf_addf(&key, s->e, "%s\t%s\n", b->piece[order[i]].set,
                            b->piece[order[i]].name);
    bl_svg_raw(s, "<script type=\"text/plain\" id=\"key\">");
    bl_svg_base64(s, &key);
    bl_svg_raw(s, "</script>\n");
    bl_buf_free(&key);
}

/* A name for what the browser keeps: another page, another name. */
static uint64_t page_id(const bl_blind *b, const size_t *order)
{
    uint64_t id = b->seed;
    for (size_t i = 0; i < b->n; i++) {
        const bl_buf *sound = b->piece[order[i]].sound;
        id = id * 0x9e3779b97f4a7c15u + bl_xxh3(sound->data, sound->len);
    }
    return id;
}

int bl_blind_write(const bl_blind *b, bl_buf *out, bl_err *e)
{
    bl_svg s = {.out = out, .e = e};
    size_t *order = bl_calloc(b->n + 1, sizeof *order, e);
    if (order == NULL)
        return BL_E_NOMEM;
    shuffle(order, b->n, b->seed);
    bl_svg_raw(&s, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width,"
                   "initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n<title>");
    bl_svg_escape(&s, b->title);
    bl_svg_raw(&s, "</title>\n<style>");
    bl_svg_style(&s);
    bl_svg_raw(&s, style);
    bl_svg_printf(&s, "</style></head><body data-page=\"%016llx\">\n<h1>",
                  (unsigned long long)page_id(b, order));
    bl_svg_escape(&s, b->title);
    bl_svg_printf(
        &s,
        "</h1>\n<p>%zu pieces, in an order of your own. Listen to each to its "
        "end, answer by ear, go back as often as you like. Nothing leaves "
        "this page: at the end you save a small file and hand it to whoever "
        "asked you.</p>\n<p><label>Your name, or any word: <input "
        "type=\"text\" id=\"rater\" maxlength=\"40\"></label></p>\n"
        "<noscript><p>This page needs its script.</p></noscript>\n"
        "<div id=\"pieces\">\n",
        b->n);
    for (size_t i = 0; i < b->n && s.rc == 0; i++)
        write_piece(&s, b, i, order[i]);
    bl_svg_raw(&s, "</div>\n<footer><button id=\"save\">Save ratings</button>"
                   "<span id=\"progress\" class=\"dim\"></span></footer>\n");
    write_key(&s, b, order);
    bl_svg_raw(&s, "<script>");
    bl_svg_raw(&s, script);
    bl_svg_raw(&s, "</script>\n</body></html>\n");
    free(order);
    return s.rc;
}
