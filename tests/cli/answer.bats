#!/usr/bin/env bats
# answer.bats - turns: who plays is heard bar by bar and answered (xlsample --answer).
load ../helpers

# play BAR...: two notes in each of these, at 150 beats a minute, as a table.
play() {
    local bar half ns
    echo ns,bytes
    for bar; do
        for half in 0 1; do
            ns=$(((2 * bar + half) * 800000000)) key=$(printf %X $((57 + (2 * bar + half) * 2 % 9)))
            printf '%d,90 %s 40\n%d,80 %s 40\n' $ns "$key" $((ns + 350000000)) "$key"
        done
    done
}

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    local small=(-q --preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=16 --steps 5)
    midi2remi -q "$SAMPLES"/[a-d]*.mid -o all.tok.zst
    shard -q all.tok.zst --condition all.tok.zst -o pairs
    xltrain "${small[@]}" --data pairs -o run --set condition=none
    xltrain "${small[@]}" --data pairs -o near --set condition=none --set recall=0
    xltrain "${small[@]}" --data pairs -o band --set condition=bars
    play 0 1 2 3 4 5 6 7 >keys.csv
    midi2remi --listen -u --no-pg --tempo 150 <keys.csv >keys
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
}

# bars FILE: its lines of music.
bars() {
    grep -v '^#' "$1"
}

# notes: what is heard of a stream: bar, place, instrument, pitch.
notes() {
    remi2midi --play --speed 0 "$@" | awk -F '[, ]' '$2 ~ /^9/ && $4 != "00" { print int($1 / 16e8 + 1e-6), $1, $2, $3 }'
}

@test "answer: turns in time: silence where the other plays, music after it" {
    local n
    for n in 1 2 3; do
        xlsample "$F/run" --prompt "$F/keys" --answer $n --density 1 -u --no-pg >out
        remi2midi --check out
        [ "$(bars out | wc -l)" -eq 8 ] # of a call that is cut short the silence, too
        notes out >heard
        awk -v n=$n '{ turn = int($1 / n); if (turn % 2 == 0) exit 1; has[$1] = 1 }
            END { for (b = 0; b < 8; b++) if (int(b / n) % 2 && !(b in has) && b < 6) exit 1 }' heard
    done
    grep -q '"name":"live"' out
    # as it comes or as a file, and the same each time
    xlsample "$F/run" --prompt - --answer 3 --density 1 -u --no-pg <"$F/keys" | cmp - out
    xlsample "$F/run" --prompt "$F/keys" --answer 3 --density 1 --seed 2 -u --no-pg >other
    ! cmp -s out other
    # each piece of a stream has a piece of its own
    midi2remi -q -u --no-pg "$SAMPLES"/{aura-lee,ode-to-joy}.mid >two
    xlsample "$F/run" --prompt two --answer 2 -u --no-pg >out
    remi2midi --check out
    [ "$(grep -c '^#piece' out)" -eq 2 ]
}

@test "answer: a turn is what the model makes of all turns before it" {
    # at temperature 0 it is what it makes of a prompt that has them; what lies far back is
    # not the same: notes over the end of a turn are cut where both are one piece
    local likeliest=(--temperature 0 --memory 128 --programs 0 --density 2 -u --no-pg) turns
    play 0 1 4 5 8 9 | midi2remi --listen -u --no-pg --tempo 150 >calls
    xlsample "$F/near" --prompt calls --answer 2 "${likeliest[@]}" >out
    remi2midi --mix calls out -o both.mid
    for turns in 1 3 5; do
        xlsample "$F/near" --prompt both.mid --prompt-bars $((2 * turns)) --bars 2 --tempo 150 --meter 4/4 "${likeliest[@]}" >once
        notes once | awk -v n=$((2 * turns)) '$1 >= n' >want
        notes out | awk -v n=$((2 * turns)) '$1 >= n && $1 < n + 2' | cmp - want
        [ "$(wc -l <want)" -ge 4 ]
    done
    # what is played while it answers is not heard
    play 0 1 2 3 4 5 6 8 9 | midi2remi --listen -u --no-pg --tempo 150 >more
    ! cmp -s calls more
    xlsample "$F/near" --prompt more --answer 2 "${likeliest[@]}" | cmp - out
    # but the instrument that is chosen then is
    { play 0 1 2 4 5; echo 3300000000,C0 20; } | sort -st, -k1,1n |
        midi2remi --listen -u --no-pg --tempo 150 >bass
    [ "$(bars bass | wc -l)" -eq 6 ]
    xlsample "$F/near" --prompt bass --answer 2 "${likeliest[@]}" >out
    remi2midi --check out
}

@test "answer: a bar is written as soon as it is made, at the time of who plays" {
    mkfifo in
    xlsample "$F/run" --prompt - --answer 2 -u <in >out 3>&- &
    exec 4>in
    sed '1s/{/{"t0":123456789,"tempo":150,/' "$F/keys" | sed 3q >&4
    lines() { # lines N: so many bars come, and no more
        for _ in {1..100}; do
            [ "$(bars out | wc -l)" -lt "$1" ] || break
            sleep .05
        done
        sleep .1
        [ "$(bars out | wc -l)" -eq "$1" ]
    }
    lines 1
    sed -n 4p "$F/keys" >&4
    lines 4 # silence, and the whole answer
    sed -n 5,7p "$F/keys" >&4
    lines 5
    sed -n '8,$p' "$F/keys" >&4
    exec 4>&-
    wait $!
    lines 8
    head -n 1 out | grep -q '"t0":123456789,"tempo":150'
    remi2midi --check out
}

@test "answer: told to stop it ends with whole bars; other options of drawing hold" {
    printf '@7 stop\n' >asked
    xlsample -q "$F/run" --prompt "$F/keys" --answer 2 --control asked -u --no-pg >out
    remi2midi --check out
    [ "$(bars out | wc -l)" -eq 6 ]
    xlsample -q "$F/run" --prompt "$F/keys" --answer 1 --programs drums --density 2 -u --no-pg >out
    ! bars out | grep -q Pitch_
    bars out | grep -q PitchDrum_
}

@test "answer: what the model has no word for is heard as what is nearest" {
    midi2remi -q "$SAMPLES"/aura-lee.mid -o a.tok.zst
    vocab a.tok.zst --min-count 1 -o v.tsv
    shard -q --split train=1 --vocab v.tsv a.tok.zst -o data
    xltrain -q --preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=16 --steps 2 --data data -o few
    run -0 --separate-stderr xlsample few --prompt "$F/keys" --answer 2 -u --no-pg
    echo "$output" >out
    [[ $stderr == *"tokens of the prompt are not in the model's vocabulary"* ]]
    remi2midi --check out
    # but time is that of who plays
    [ "$(grep -o 'Tempo_[0-9]*\|TimeSig_[0-9/]*' out | sort -u | tr '\n' ' ')" = "Tempo_150 TimeSig_4/4 " ]
    play 0 1 2 3 | midi2remi --listen -u --meter 7/8 >odd
    run -65 --separate-stderr xlsample few --prompt odd --answer 2 -u
    says "'odd': piece 'live': token 'TimeSig_7/8': the model has no such"
}

@test "answer: nor does a band stop at such, bar by bar, and time is that of who plays" {
    midi2remi -q "$SAMPLES"/aura-lee.mid -o a.tok.zst
    vocab a.tok.zst --min-count 1 -o v.tsv
    shard -q --split train=1 --vocab v.tsv a.tok.zst --condition a.tok.zst -o pairs
    xltrain -q --preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=16 --steps 2 --set condition=bars --data pairs -o few
    # drums alone in bar 2, which are left out; then another tempo, by the clock of others
    { play 0 2 3 4 5 6; echo 1700000000,99 24 40; echo 1800000000,89 24 40; } | sort -st, -k1,1n |
        midi2remi --listen -u --no-pg --tempo 150 >played
    bars played | sed '5s/Position_0/Position_0 Tempo_90/' >raw
    remi2midi --raw raw -o live
    midi2remi -u --no-pg live >keys
    run -0 --separate-stderr xlsample few --condition - -u --no-pg --seed 3 < <(cat keys)
    echo "$output" >out
    says "tokens of the condition are not in the model's vocabulary"
    remi2midi --check out
    [ "$(bars out | wc -l)" -eq 7 ]
    [ "$(bars out | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^Tempo/) printf "%d:%s ", NR, $i }')" = "1:Tempo_150 5:Tempo_90 " ]
    cat keys | xlsample -q few --condition - -u --no-pg --seed 3 | cmp - out
    # a tempo that was asked for is what is played
    cat keys | xlsample -q few --condition - -u --no-pg --tempo 88 >out
    [ "$(grep -o 'Tempo_[0-9]*' out | sort -u)" = Tempo_88 ]
    # where the model has all words nothing is told anew
    midi2remi -u --no-pg "$SAMPLES"/aura-lee.mid >known
    xlsample few --condition known -u --no-pg >file
    cat known | xlsample few --condition - -u --no-pg | cmp - file
    # a file can be made anew as the data were
    run -65 --separate-stderr xlsample few --condition keys
    says "'keys': piece 'live': the model has no token 'Tempo_150'"
    play 0 1 2 3 | midi2remi --listen -u --meter 7/8 >odd
    run -65 --separate-stderr xlsample few --condition - -u < <(cat odd)
    says "'stdin': piece 'live': the model has no token 'TimeSig_7/8'"
}

@test "answer: bad input is one line" {
    run -64 --separate-stderr xlsample "$F/run" --answer 2
    says "--answer wants who is to be answered: --prompt FILE"
    local with
    for with in '--bars 3' '-n 2' --endless '--seconds 3' '--tempo 90' '--meter 3/4' '--like x' '--fill 1' --no-grammar '--condition x'; do
        run -64 --separate-stderr xlsample "$F/run" --prompt "$F/keys" --answer 2 $with
        says xlsample:
    done
    run -64 --separate-stderr xlsample "$F/run" --prompt "$F/keys" --answer 0
    says --answer
    run -64 --separate-stderr xlsample "$F/band" --prompt "$F/keys" --answer 2
    says "--answer: the run plays to a condition (condition=bars), to which --condition has it play bar by bar"
    run -65 --separate-stderr xlsample "$F/run" --prompt "$SAMPLES/aura-lee.mid" --answer 2
    says "aura-lee.mid'"
    midi2remi -q --grid 8 "$SAMPLES/aura-lee.mid" -o other.tok.zst
    run -65 --separate-stderr xlsample "$F/run" --prompt other.tok.zst --answer 2
    says "its tokens are not the model's: they are of grid 8, not 4"
    # the bars before the fault are there
    sed 6q "$F/keys" >cut
    run -65 --separate-stderr xlsample "$F/run" --prompt cut --answer 1 -u
    says "'cut': line 6: the stream ends inside a piece"
    [ "$(grep -c ^Bar <<<"$output")" -ge 4 ]
    sed '5s/Velocity_[0-9]* //' "$F/keys" >wrong
    run -65 --separate-stderr xlsample "$F/run" --prompt wrong --answer 1 -u
    says "'wrong': piece 'live': token 'Duration_"
    sed '5s/^Bar //' "$F/keys" >glued
    run -65 --separate-stderr xlsample "$F/run" --prompt glued --answer 1 -u
    says "'glued': piece 'live': token 'Position_0': each line has to begin a bar"
    run -66 --separate-stderr xlsample "$F/run" --prompt none --answer 1
    says "'none'"
    run -65 --separate-stderr xlsample "$F/run" --prompt - --answer 1 -u </dev/null
    says "'stdin'"
    midi2remi --chords -q "$SAMPLES"/aura-lee.mid | shard -q --split train=1 -o chords
    xltrain -q --preset tiny --set layers=1 --set width=16 --set heads=2 --set ff=16 --steps 1 --data chords -o chorded
    run -64 --separate-stderr xlsample chorded --prompt "$F/keys" --answer 2
    says "--answer wants a run of scheme 'remi' without chords, keys, pedals and labels"
}

# bats test_tags=slow
@test "answer: played in time, the first note comes with the turn" {
    mkfifo wire
    midi2remi --listen -q --tempo 240 --count-in 1 <wire 3>&- | xlsample -q "$F/run" --prompt - --answer 1 --density 2 |
        tee stream | remi2midi --play >out 3>&- 4>&- &
    exec 4>wire
    sleep 1.1
    for _ in {1..8}; do
        printf '\x90\x3c\x40' >&4
        sleep .5
        printf '\x80\x3c\x40' >&4
        sleep .5
    done
    exec 4>&-
    wait
    [ "$(bars <(text stream) | wc -l)" -ge 8 ]
    /usr/bin/python3 -c 'b = open("out", "rb").read(); assert b.count(b"\x90") + b.count(b"\x99") > 4, b'
}
