# pipelines.bats - the Makefiles that compose the tools, on a few samples and a tiny model.
load ../helpers

TINY='--set layers=1 --set width=16 --set heads=2 --set ff=32 --set segment=16 --set memory=16'

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir midi
    cp "$SAMPLES"/a*.mid midi
    cp -r "$BARLINE_ROOT/pipelines" .
}

@test "pop909.mk, nottingham.mk: from a folder to features; the second time nothing is done" {
    local args=(PRESET=tiny MIDI=midi PIECES=2 BARS=2 "TRAIN=--steps 3 $TINY")
    for file in pop909 nottingham; do
        run -0 make -f pipelines/$file.mk OUT=$file "${args[@]}"
        [ "$(find $file/new -name '*.mid' -size +0 | wc -l)" -eq 2 ]
        [ "$(grep -vc '^#' $file/features.tsv)" -eq 3 ]
        run -0 make -f pipelines/$file.mk OUT=$file "${args[@]}"
        has "Nothing to be done"
    done
}

@test "rules.mk: a broken file is listed, not fatal; a new one is noticed" {
    local args=(-f pipelines/nottingham.mk OUT=out MIDI=midi data)
    printf 'no music' >midi/broken.mid
    run -0 make "${args[@]}"
    grep -q broken.mid out/rejects.tsv
    local before
    before=$(jq .splits.train.pieces out/data/manifest.json)
    touch -d '1 hour ago' out/corpus.tok.zst
    cp "$SAMPLES"/b*.mid midi
    run -0 make "${args[@]}"
    [ "$(jq .splits.train.pieces out/data/manifest.json)" -gt "$before" ]
}

@test "rules.mk: without MIDI it says what to do" {
    run -2 make -f pipelines/nottingham.mk
    has "MIDI is not set"
}

@test "rules.mk: a folder whose name has blanks and quotes" {
    mv midi "Bach's own midi"
    run -0 make -f pipelines/nottingham.mk MIDI="Bach's own midi" data
    [ -s Bachs-own-midi.barline/data/manifest.json ]
    run -0 make -f pipelines/nottingham.mk MIDI="Bach's own midi" data
    has "Nothing to be done"
}

@test "judge.mk, refresh.mk: what is missing is said before anything is made" {
    run -2 make -f pipelines/judge.mk RUN=none DATA=data
    has "there is no run 'none'"
    mkdir run
    run -2 make -f pipelines/judge.mk RUN=run DATA=none
    has "'none' holds no shards"
    run -2 make -s -f pipelines/refresh.mk MIDI=none CORPUS=corpus
    has "there is no folder 'none'"
    [ ! -e corpus ] && [ ! -e run.judge ]
}

@test "demo.mk: the same bytes twice" {
    mkdir samples
    cp midi/*.mid samples
    for copy in one two; do
        rm -rf demo
        run -0 make -f pipelines/demo.mk STEPS="3 $TINY"
        has "Everything lies in demo/"
        mv demo "$copy"
    done
    diff -r one two
}

# bats test_tags=slow
@test "demo.mk: the whole demo, on one processor and on two: the same bytes" {
    ln -s "$SAMPLES" samples
    for jobs in 1 2; do
        rm -rf demo
        run -0 make -f pipelines/demo.mk STEPS="1200 -j $jobs"
        mv demo "jobs$jobs"
    done
    diff -r jobs1 jobs2
}

@test "judge.mk: a verdict on as many pieces as the test split has; goes on, and sees what was asked for" {
    midi2remi -q "$SAMPLES"/*.mid | shard -q -o data
    # shellcheck disable=SC2086
    xltrain -q --data data -o run --preset tiny $TINY --steps 3
    local args=(-s -f pipelines/judge.mk RUN=run DATA=data BARS=4 ROLLS=1 MEASURE=--repeats)
    run -0 make "${args[@]}"
    [[ $output =~ verdict:\ (near|far|copied) ]]
    has "copying"
    cd run.judge
    [ "$(zstdcat new.tok.zst | grep -c '^#piece')" -eq "$(zstdcat human.tok.zst | grep -c '^#piece')" ]
    [ "$(zstdcat new.tok.zst | grep -c '^Bar')" -eq "$(zstdcat human.tok.zst | grep -c '^Bar')" ]
    for f in judge.html judge.tsv compare.tsv novelty.tsv surprise.tsv; do [ -s $f ]; done
    grep -q 'id="verdict"' judge.html
    cd ..
    cp run.judge/new.tok.zst before
    rm run.judge/judge.html
    run -0 make "${args[@]}"
    cmp before run.judge/new.tok.zst
    run -0 make "${args[@]}" BARS=2
    run ! cmp -s before run.judge/new.tok.zst
    run -2 make -s -f pipelines/judge.mk
    has "RUN is not set"
}

@test "accompany.mk: answers to songs held back, then to a tune of one's own; goes on, trains once" {
    local args=(-s -f pipelines/accompany.mk MIDI="$SAMPLES" PRESET=tiny "TRAIN=--steps 3 $TINY" PIECES=2) n
    run -0 make "${args[@]}"
    has "what was given and what was made of it"
    cd samples.melody
    [ "$(find together -name '*.mid' -size +0 | wc -l)" -eq 2 ]
    # songs of the test split, none of them learned from
    text asked.tok.zst | sed -n 's/^#piece.*"name":"\([^"]*\)".*/\1/p' | sort >asked
    [ -z "$(comm -23 asked <(cut -f 4 data/test.pieces.tsv | sort))" ]
    [ "$(awk -F '\t' '$1 == "bars" {print $2, $3}' fidelity.tsv)" = "2 1.0000" ]
    # both are there: the tune, and what goes with it
    n=$(text asked.tok.zst made.tok.zst | grep -o Pitch | wc -l)
    [ "$(midi2remi -u together | grep -o Pitch | wc -l)" -eq "$n" ]
    stat -c %Y.%s run/metrics.tsv >../before
    cp asked.tok.zst made.tok.zst fidelity.tsv ..
    cd ..
    run -0 make "${args[@]}"
    run -0 make "${args[@]}" TUNES="$SAMPLES/korobeiniki.mid" TAKES=3
    # and none of before
    for f in samples.melody/{together,alone}; do
        [ "$(cd $f && echo ./*.mid)" = "./korobeiniki.2.mid ./korobeiniki.3.mid ./korobeiniki.mid" ]
    done
    # a run that was stopped between the stages gives the same again
    rm samples.melody/made.tok.zst
    run -0 make "${args[@]}"
    for f in asked.tok.zst made.tok.zst fidelity.tsv; do cmp $f samples.melody/$f; done
    stat -c %Y.%s samples.melody/run/metrics.tsv | cmp - before
    run -2 make -f pipelines/accompany.mk
    has "MIDI is not set"
    run -2 make -f pipelines/accompany.mk MIDI=my-midi-folder TUNES=my-tune.mid
    has "MIDI: there is no 'my-midi-folder'; it names the folder of MIDI files to learn from"
    run -2 make -f pipelines/accompany.mk MIDI="$SAMPLES" TUNES=my-tune.mid
    has "TUNES: there is no 'my-tune.mid'; it names MIDI files to play to"
}

@test "accompany.mk, accompany.sh, groove.mk: why a folder could not be read is on the terminal" {
    local why="midi2remi: 'melodie' is no part"
    run -2 make -s -f pipelines/accompany.mk MIDI=midi GIVEN=melodie
    has "$why"
    run -2 make -s -f pipelines/accompany.mk MIDI=midi OUT=new 'PLAYED=--drop melodie'
    has "$why"
    GIVEN=melodie run -64 bash pipelines/accompany.sh table midi table
    has "$why"
    printf 'name\tgenre\n' >labels.tsv
    run -2 make -s -f pipelines/groove.mk MIDI=midi LABELS=labels.tsv HOP=none data
    has "midi2remi: --hop"
}

@test "accompany.sh: its tables have all rows, and once made they stay" {
    export PRESET=tiny STEPS=2 SET='layers=1 width=16 heads=2 ff=16 eval_every=0'
    for what in table chords holes; do
        run -0 --separate-stderr "$BARLINE_ROOT/pipelines/accompany.sh" $what "$SAMPLES" out
        echo "$output" >$what.tsv
    done
    [ "$(cut -f 1 table.tsv | paste -sd ';')" = \
        'condition;none;prefix;prefix, shuffled;bars;bars, shuffled;encoder;encoder, shuffled;encoder, trained on shuffled' ]
    [ "$(cut -f 3 table.tsv | sed 1d | sort -u | head -n 1)" -gt 1000 ]
    [ "$(cut -f 1 chords.tsv | paste -sd ';')" = 'what;chord;root' ]
    [ "$(cut -f 1 holes.tsv | paste -sd ';')" = 'condition;both sides;left side only' ]
    [ "$(cut -f 3 holes.tsv | sed 1d | uniq | wc -l)" -eq 1 ] # the same targets
    find out -newer table.tsv >before
    run -0 --separate-stderr "$BARLINE_ROOT/pipelines/accompany.sh" table "$SAMPLES" out
    [ "$output" = "$(cat table.tsv)" ]
    find out -newer table.tsv | cmp - before
    run -64 "$BARLINE_ROOT/pipelines/accompany.sh" table
}

@test "accompany.sh style: the chords of songs under each label, and how many of them come" {
    export PRESET=tiny STEPS=2 SET='layers=1 width=16 heads=2 ff=16 eval_every=0'
    (cd "$SAMPLES" && printf 'path\tMode\n' && printf '%s\n' *.mid | awk '{print $0 "\t" (NR % 2 ? "odd" : "even")}') >modes.tsv
    run -64 --separate-stderr "$BARLINE_ROOT/pipelines/accompany.sh" style "$SAMPLES" out
    says "LABELS is not set: name a table, as of midi2remi --labels"
    run -0 --separate-stderr env LABELS=modes.tsv SONGS="$SAMPLES/can-can.mid $SAMPLES/sakura.mid" \
        "$BARLINE_ROOT/pipelines/accompany.sh" style "$SAMPLES" out
    [ "$(cut -f 1 <<<"$output" | uniq | paste -sd ';')" = 'label;as-they-are;Mode_even;Mode_odd' ]
    [ "$(awk -F '\t' '$2 == "chord" {print $3}' <<<"$output" | sort -u)" -gt 50 ] # of each as many
    # a song has all of its chords, as many bars under any label, which it begins with
    [ "$(awk -F '\t' '$1 == "as-they-are" && $2 == "root" {print $4}' <<<"$output")" = 1.0000 ]
    [ "$(awk -F '\t' '$2 == "bars" {print $4}' <<<"$output" | sort -u)" = 1.0000 ]
    for label in Mode_even Mode_odd; do
        [ "$(text out/$label.tok.zst | grep -c "^$label\$")" -eq 2 ]
        [ "$(find out/$label -name '*.mid' | wc -l)" -eq 2 ]
    done
    ! text out/songs.tok.zst | grep -q '^Mode_'
}

@test "accompany.mk: over chords, by a piano, in a folder with a blank and a quote" {
    mv midi "Bach's own midi"
    cp "$SAMPLES"/[a-j]*.mid "Bach's own midi"
    for how in '--chords --keep program=piano' "--drop 'chords'"; do
        run -0 make -s -f pipelines/accompany.mk MIDI="Bach's own midi" GIVEN=chords PLAYED="$how" PIECES=1 \
            PRESET=tiny TRAIN="--steps 3 $TINY"
        [ "$(find Bachs-own-midi.chords/alone -name '*.mid' -size +0 | wc -l)" -ge 1 ]
        [ "$(awk -F '\t' '$1 == "chord" {print ($2 > 0)}' Bachs-own-midi.chords/fidelity.tsv)" -eq 1 ]
        ! text Bachs-own-midi.chords/asked.tok.zst | grep -q Pitch
    done
}

@test "architectures.mk: a table of each comparison; the second time nothing is trained" {
    local more="${TINY% --set memory=16} --set batch=2" target
    for target in gpt2 performance; do
        local args=(-s -f pipelines/architectures.mk $target MIDI="$(echo "$SAMPLES"/a*.mid)" STEPS=2 SEEDS=1
            CONTEXT=64 "MORE=$more")
        run -0 make "${args[@]}"
        [ "$(awk -F'\t' '$2 == "done"' architectures.runs/$target/table.tsv | wc -l)" -eq \
            "$(grep -c . architectures.runs/$target.tsv)" ] || fail "$output"
        before=$(stat -c %Y.%s architectures.runs/$target/*/1/metrics.tsv)
        run -0 make "${args[@]}"
        [ "$before" = "$(stat -c %Y.%s architectures.runs/$target/*/1/metrics.tsv)" ]
    done
    run -2 make -s -f pipelines/architectures.mk gpt2
    has "MIDI is not set"
}

@test "listen.sh: a piece becomes sound, or what is missing is said" {
    run -66 --separate-stderr env PATH="$PATH" "$BARLINE_ROOT/pipelines/listen.sh" nothing.mid ||
        [ "$status" -eq 69 ]
    mkdir none
    ln -s "$(command -v bash)" none/bash
    run -69 --separate-stderr env PATH="$PWD/none" "$BARLINE_ROOT/pipelines/listen.sh" x.mid
    says "Debian: fluidsynth timgm6mb-soundfont"
    command -v fluidsynth >/dev/null || skip "FluidSynth is not installed"
    midi2remi "$BARLINE_ROOT/samples/frere-jacques.mid" -o f.tok.zst
    for piece in "$BARLINE_ROOT/samples/frere-jacques.mid" f.tok.zst; do
        rm -f f.wav
        "$BARLINE_ROOT/pipelines/listen.sh" "$piece" f.wav
        [ "$(head -c 4 f.wav)" = RIFF ]
        [ "$(stat -c %s f.wav)" -gt 500000 ]
    done
    # of music played softly and loudly the same loudness, measured by another program
    /usr/bin/python3 - "$BARLINE_ROOT/samples/frere-jacques.mid" <<'END'
import mido, sys
for velocity in (30, 120):
    m = mido.MidiFile(sys.argv[1])
    for track in m.tracks:
        for x in track:
            if x.type == "note_on" and x.velocity > 0:
                x.velocity = velocity
    m.save("%d.mid" % velocity)
# a stroke now and then: as loud, its peaks would be far above full scale
m = mido.MidiFile(ticks_per_beat=480)
m.tracks.append(mido.MidiTrack())
for _ in range(8):
    m.tracks[0].append(mido.Message("note_on", channel=9, note=37, velocity=127, time=480))
    m.tracks[0].append(mido.Message("note_off", channel=9, note=37, time=480))
m.save("strokes.mid")
END
    for name in 30 120 strokes; do
        "$BARLINE_ROOT/pipelines/listen.sh" $name.mid $name.wav
    done
    # and as loud where it is played
    mkdir player
    printf '#!/bin/sh\ncp "$1" played.wav\n' >player/pw-play
    chmod +x player/pw-play
    PATH=$PWD/player:$PATH "$BARLINE_ROOT/pipelines/listen.sh" strokes.mid
    cmp played.wav strokes.wav
    /usr/bin/python3 - 30.wav 120.wav strokes.wav <<'END'
import array, math, sys, wave
def biquad(x, b, a):
    y = [0.0, 0.0]
    x = [0.0, 0.0] + x
    for i in range(2, len(x)):
        y.append(b[0] * x[i] + b[1] * x[i - 1] + b[2] * x[i - 2] - a[1] * y[-1] - a[2] * y[-2])
    return y[2:]
# BS.1770's own coefficients are of 48 kHz; those of 44.1 kHz by their analogue prototype
shelf = ([1.5308412300503478, -2.6509799951547297, 1.1690790799215869], [1, -1.6636551132560204, 0.7125954280732254])
high = ([1, -2, 1], [1, -1.9891696736297957, 0.9891990357870394])
for name in sys.argv[1:]:
    w = wave.open(name)
    assert w.getframerate() == 44100 and w.getnchannels() == 2
    a = array.array("h", w.readframes(w.getnframes()))
    power = [0.0] * (w.getnframes() // 4410)
    for c in (0, 1):
        y = biquad(biquad([v / 32768 for v in a[c::2]], *shelf), *high)
        for i in range(len(power)):
            power[i] += sum(v * v for v in y[i * 4410:(i + 1) * 4410])
    block = [sum(power[i:i + 4]) / 17640 for i in range(len(power) - 3)]
    lufs = lambda x: -0.691 + 10 * math.log10(sum(x) / len(x))
    loud = [b for b in block if b > 0 and lufs([b]) > -70]
    gate = lufs(loud) - 10
    loud = [b for b in loud if lufs([b]) > gate]
    assert abs(lufs(loud) + 16) < 1.5, (name, lufs(loud), max(map(abs, a)))
    assert max(map(abs, a)) < 32767, name
END
}

@test "listen: from an installed copy, and without a sound card in one line" {
    command -v fluidsynth >/dev/null || skip "FluidSynth is not installed"
    mkdir copy
    cp "$BARLINE_ROOT"/pipelines/listen.* copy
    run -0 make -s -f copy/listen.mk PIECE="$BARLINE_ROOT/samples/frere-jacques.mid" OUT=f.wav
    [ "$(head -c 4 f.wav)" = RIFF ]
    run -2 make -s -f copy/listen.mk
    has "PIECE is not set: name what to hear"
    # a driver that is not there, as where there is no card
    mkdir -p no
    printf '#!/bin/sh\ncase " $* " in *" -F "*) exec %s "$@" ;; esac\necho "fluidsynth: error: Failed to create the audio driver" >&2\n' \
        "$(command -v fluidsynth)" >no/fluidsynth
    chmod +x no/fluidsynth
    run -69 --separate-stderr env PATH="$PWD/no:$PATH" bash copy/listen.sh "$BARLINE_ROOT/samples/frere-jacques.mid"
    says "there is no sound card that FluidSynth can use; a second name writes a WAV file"
}

@test "genres.mk: sets are drawn by genre, trained and told apart; the second time nothing is done" {
    local f k=0 args
    {
        printf 'genre\tfile\n'
        for f in "$SAMPLES"/*.mid; do printf '%s\t%s\n' "$((k++ % 3))" "${f##*/}"; done
    } >labels.tsv
    args=(-s -f pipelines/genres.mk MIDI="$SAMPLES" LABELS=labels.tsv FILES=18 SEEDS=1 LENGTHS=32
        STEPS=2 MORE='--set width=16 --set heads=2 --set ff=16 --set eval_every=1')
    run -0 --separate-stderr make "${args[@]}"
    [[ $stderr == *"genres: set 1: 6 files of each of 3 genres"* ]]
    [[ $stderr == *"genres: no file for the set piano"* ]]
    # a third of the first set
    [ "$(grep -c ^3 genres.runs/sets.tsv)" -eq 6 ]
    [ -z "$(comm -13 <(grep ^1 genres.runs/sets.tsv | cut -f 3 | sort) <(grep ^3 genres.runs/sets.tsv | cut -f 3 | sort))" ]
    [ "$(wc -l <genres.runs/table.tsv)" -eq 10 ] # 3 sets of two dropouts, and frozen
    [ -z "$(tail -n +2 genres.runs/table.tsv | awk -F '\t' '!($7 > 1 && $8 > 1 && $9 > 1)')" ]
    cp genres.runs/table.tsv first.tsv
    run -0 make "${args[@]}"
    cmp first.tsv genres.runs/table.tsv
    run -2 make -f pipelines/genres.mk
    has "MIDI is not set"
}

@test "genres.sh: what is a piano, which genres, how many files of each, the same for a seed" {
    {
        printf '#feat {}\nname\tn_notes\tprogram_histogram.0\tprogram_histogram.7\tprogram_histogram.8\tprogram_histogram.128\n'
        printf 'dir/%s\t9\t%s\n' a1 $'1\t0\t0\t0' a2 $'0\t.5\t.5\t0' a3 $'0\t0\t1\t0' b1 $'0\t1\t0\t0' \
            b2 $'.5\t0\t0\t.5' c1 $'.5\t.5\t0\t0' c2 $'1\t0\t0\t0' c3 $'1\t0\t0\t0' d1 $'1\t0\t0\t0' x1 $'1\t0\t0\t0'
    } >features
    printf 'file\tgenre\n' >labels
    printf '%s\n' a1 a2 a3 b1 b2 c1 c2 c3 d1 | sed 's/\(.\)./&\t\1/' >>labels
    pipelines/genres.sh programs dir labels <features >programs
    [ "$(tr '\t\n' ' ;' <programs)" = "file genre piano alone;a1 a 1 1;a2 a 1 0;a3 a 0 0;b1 b 1 1;b2 b 1 0;$(
        )c1 c 1 1;c2 c 1 1;c3 c 1 1;d1 d 1 1;" ]
    pipelines/genres.sh draw 120 1 <programs >sets
    [ "$(cut -f 1,2 sets | sort | uniq -c | tr -s ' \t\n' ' ')" = \
        " 2 1 a 2 1 b 2 1 c 3 2 c 2 3 a 2 3 b 2 3 c 1 piano a 1 piano b 1 piano c 1 set genre " ] || fail "$(cat sets)"
    cmp sets <(pipelines/genres.sh draw 120 1 <programs)
    pipelines/genres.sh draw 3 1 <programs >few
    [ "$(grep -c ^3 few)" -eq 0 ] && [ "$(grep -c ^1 few)" -eq 3 ]
    printf 'name\tgenre\n' >labels
    run -65 --separate-stderr pipelines/genres.sh programs dir labels <features
    says "no columns file and genre"
}

@test "groove.mk: from drums and a table to both models, compared by genre; goes on; the same bytes twice" {
    mkdir drums
    cp "$SAMPLES"/{twelve-bar-blues,harbour-habanera,korobeiniki,uneven-steps}.mid drums
    printf '%s\t%s\t%s\n' file genre split twelve-bar-blues.mid blues train harbour-habanera.mid tango validation \
        korobeiniki.mid folk train uneven-steps.mid folk train >drums/labels.tsv
    local small='--set layers=1 --set width=16 --set heads=2 --set ff=16 --set batch=4'
    local args=(-s -f pipelines/groove.mk MIDI=drums STEPS=3 VAE_STEPS=3 TRAIN="$small"
        VAE_TRAIN='--set latent=4 --set dec_layers=1 --set dec_width=8 --set dec_heads=2 --set dec_ff=8' ROLLS=1)
    run -0 make "${args[@]}"
    has "groove_noi"
    cd drums.groove
    [ "$(cut -f 1 table.tsv | sort -u | xargs)" = "all group tango" ]
    [ "$(wc -l <scores.tsv)" -eq 3 ]
    for f in transformer vae; do grep -q 'id="drums"' $f.html; done
    grep -q 'id="map"' vae.html && grep -q '<svg' map.svg
    grep -q uneven-steps rejects.tsv || [ ! -s rejects.tsv ]
    sha256sum ./*.html ./*.tsv ./*.svg ./*.zst >../first
    cd ..
    # nothing is done twice; what is asked otherwise is done again
    run -0 make "${args[@]}" -n
    lacks() { [[ $output != *"$1"* ]] || fail "'$1' in: $output"; }
    lacks xltrain
    run -0 make "${args[@]}" SPLIT=train
    [[ $(cut -f 1 drums.groove/table.tsv | sort -u | xargs) == *blues* ]]
    rm -r drums.groove
    run -0 make "${args[@]}"
    (cd drums.groove && sha256sum -c --quiet ../first)
    run -2 make -f pipelines/groove.mk
    has "MIDI is not set"
    run -2 make -f pipelines/groove.mk MIDI=midi
    has "there is no table 'midi/labels.tsv'"
}

@test "play.sh: a run is heard as it plays, or what is missing is said" {
    mkdir none no
    for tool in bash env; do ln -s "$(command -v $tool)" none/$tool; done
    run -69 --separate-stderr env PATH="$PWD/none" "$BARLINE_ROOT/pipelines/play.sh" run
    says "Debian: fluidsynth timgm6mb-soundfont"
    # a synthesizer that keeps the bytes it hears, and leaves when told
    cat >no/fluidsynth <<'S'
#!/bin/bash
for a; do [[ $a != midi.oss.device=* ]] || device=${a#*=}; done
[ ! -e silent ] || { echo "fluidsynth: error: Failed to create the audio driver"; exit 1; }
cat "$device" >heard 8>&- &
read -r line
kill $!
S
    chmod +x no/fluidsynth
    touch font.sf2
    export PATH=$PWD/no:$PATH SOUNDFONT=font.sf2
    run -66 --separate-stderr "$BARLINE_ROOT/pipelines/play.sh" absent
    says "there is no run 'absent'"
    midi2remi -q "$SAMPLES"/[a-d]*.mid | shard -q -o data
    xltrain -q --data data -o run --preset tiny --set layers=1 --set width=32 --set heads=2 --set ff=64 --steps 5
    run -66 --separate-stderr "$BARLINE_ROOT/pipelines/play.sh" run no/keys
    says "cannot read 'no/keys'"
    echo '@3 stop' >two
    CONTROL=two run -0 "$BARLINE_ROOT/pipelines/play.sh" run
    [ -s heard ]
    # in turns of a bar: one that is played, one that is the run's
    printf 'ns,bytes\n0,90 3C 40\n400000000,80 3C 40\n800000000,\n' >keys
    ANSWER=1 TEMPO=300 run -0 "$BARLINE_ROOT/pipelines/play.sh" run keys
    run -65 "$BARLINE_ROOT/pipelines/play.sh" run keys
    has "the run knows no condition"
    # who ends it has not failed
    setsid "$BARLINE_ROOT/pipelines/play.sh" run 3>&- &
    sleep 3
    kill -TERM -- -$!
    wait $!
    run -2 make -s -f "$BARLINE_ROOT/pipelines/play.mk"
    has "RUN is not set: name a run folder"
    touch silent
    run -69 --separate-stderr "$BARLINE_ROOT/pipelines/play.sh" run
    says "there is no sound card that FluidSynth can use"
}
