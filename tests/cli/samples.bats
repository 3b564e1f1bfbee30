# samples.bats - the project's own music: rendered files match their text, an independent
# reader takes them, and the variety the demo needs is there.
load ../helpers

@test "samples: the .mid files are what render.py makes of the abc files" {
    run -0 /usr/bin/python3 "$SAMPLES/render.py" --check
}

@test "samples: mido reads every file; bars are whole; drums, parts and meters vary" {
    cat >check.py <<'E2'
import glob, sys, mido
files = sorted(glob.glob(sys.argv[1] + "/*.mid"))
drums = several = changing = 0
meters = set()
for f in files:
    m = mido.MidiFile(f)
    ends, meter = set(), []
    programs, has_drums = set(), False
    for t in m.tracks:
        tick = 0
        for e in t:
            tick += e.time
            if e.type == "time_signature":
                meter.append((tick, e.numerator, e.denominator))
            if e.type == "note_on" and e.velocity:
                has_drums |= e.channel == 9
                if e.channel != 9:
                    programs.add(e.channel)
        ends.add(tick)
    assert len(ends) == 1, f
    end = ends.pop()
    for (a, n, d), b in zip(meter, [x[0] for x in meter[1:]] + [end]):
        assert (b - a) % (m.ticks_per_beat * 4 * n // d) == 0, (f, a, b)
    drums += has_drums
    several += len(programs) > 1
    full = {(n, d) for _, n, d in meter}
    meters |= full
    changing += len(full) > 2
assert len(files) >= 40 and drums >= 8 and several >= 10 and changing >= 1
assert {(3, 4), (4, 4), (6, 8)} <= meters
E2
    run -0 /usr/bin/python3 check.py "$SAMPLES"
}

@test "samples: SOURCES.md has a row for each piece and for nothing else" {
    diff <(sed -n 's/^| `\([a-z0-9-]*\)` .*/\1/p' "$SAMPLES/SOURCES.md" | sort) \
        <(basename -s .mid "$SAMPLES"/*.mid | sort)
}

@test "samples, and files with one defect each: the notes are those that mido reads" {
    /usr/bin/python3 "$BARLINE_ROOT/tests/fuzz/make_corpus.py" seeds
    mkdir defects
    for f in seeds/midi/*; do cp "$f" "defects/$(basename "$f" .mid).mid"; done
    run -0 /usr/bin/python3 "$BARLINE_ROOT/tests/mido_notes.py" "$BARLINE_BUILD/tests/notes" "$BARLINE_ROOT/samples"
    [[ $output =~ ^74\ equal ]]
    # where they differ: an end of track in the middle ends it here; tracks and bytes beyond what
    # lengths say are read, absurd pauses and quantities are not
    run -1 /usr/bin/python3 "$BARLINE_ROOT/tests/mido_notes.py" "$BARLINE_BUILD/tests/notes" defects
    [ "$(sed -n 's,^differs: defects/\(.*\).mid: .*,\1,p' <<<"$output" | tr '\n' ' ')" = "eot-early \
more-tracks-than-said no-tracks-said ticks-beyond-2-28 ticks-beyond-2-31 track-length-short vlq-5-bytes " ] || fail "$output"
}
