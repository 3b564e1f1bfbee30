#!/bin/bash
# report.sh FILE.html: opens the page in a headless Chromium, at 400 and 1400 pixels, and
# prints what is wrong with it: messages of the console, figures that cannot be seen,
# elements that are wider than the window. Silent and 0 if all is well; 77 without Chromium.
set -eu
browser=$(command -v chromium || command -v chromium-browser) || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat "$1" - >"$work/page.html" <<'END'
<script>
addEventListener('load', () => {
    const wrong = [], width = document.documentElement.clientWidth;
    const figures = document.querySelectorAll('figure');
    if (figures.length == 0) wrong.push('no figure');
    for (const f of figures) {
        const r = (f.querySelector('svg') || f).getBoundingClientRect();
        if (r.width < 150 || r.height < 60) wrong.push('cannot be seen: ' + f.innerText);
        if (!f.querySelector('svg').children.length) wrong.push('empty: ' + f.innerText);
    }
    for (const e of document.querySelectorAll('body *'))
        if (!e.closest('.scroll > *') && !e.closest('svg *') &&
            e.getBoundingClientRect().right > width + 1)
            wrong.push(e.tagName + ' is wider than the window: ' + e.className);
    for (const e of document.querySelectorAll('.verdict *'))
        if (e.getBoundingClientRect().right > e.closest('.verdict').getBoundingClientRect().right + 1)
            wrong.push(e.tagName + ' is wider than the verdict: ' + e.innerText);
    if (document.documentElement.scrollWidth > width) wrong.push('the page scrolls sideways');
    parent.postMessage(width + ' ' + figures.length + ' figures, wrong: ' + wrong.length +
        ' ' + wrong.slice(0, 5).join('; '), '*');
});
</script>
END
status=0
for width in 400 1400; do
    # windows cannot be as narrow as a phone; frames can
    cat >"$work/frame.html" <<END
<iframe src="page.html" style="border:0;width:${width}px;height:900px"></iframe>
<pre id="verdict"></pre>
<script>addEventListener('message', e => { verdict.textContent = e.data; });</script>
END
    timeout -k 1 30 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars \
        --enable-logging=stderr --user-data-dir="$work/profile" --window-size=1500,1000 --virtual-time-budget=20000 \
        --disable-breakpad --disable-dev-shm-usage \
        --dump-dom "file://$work/frame.html" >"$work/dom" 2>"$work/log" || status=1
    verdict=$(grep -o '<pre id="verdict">[^<]*' "$work/dom" || echo "no verdict at $width")
    [[ $verdict =~ \>$width\ [1-9][0-9]*\ figures,\ wrong:\ 0\  ]] || {
        echo "$verdict"
        status=1
    }
    ! grep CONSOLE "$work/log" || status=1
done
exit "$status"
