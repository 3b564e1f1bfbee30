/* parts_eval.c - how well melody, bass and key are found where they are known:
 * `parts_eval DIR...` reads the MIDI files below the directories, hides the names of
 * their tracks and their key signatures, and compares with these: melody and bass where
 * some tracks, but not all, have a name that says so; the key where a file states one
 * only, or a text key_audio.txt beside it (POP909) has one line.
 *
 * Prints TSV: what, number of files; for parts the share of files of whose part more
 * than half is found, precision and recall of notes; for keys the share that is the
 * same, and that is the relative key. */
#include "io/walk.h"
#include "io/file.h"
#include "midi/midi.h"
#include "token/scheme.h"
#include "token/voices.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    unsigned long long files, most, known, found, both;
} part;

typedef struct {
    bl_scheme *scheme;
    bl_buf bytes;
    bl_song song, decoded;
    bl_ids ids;
    uint8_t *known, *found;
    part of_role[BL_ROLE_BASS + 1];
    unsigned long long n_keys, n_same, n_relative;
} state;

static int read_song(state *s, const char *path, bl_err *e)
{
    bl_midi_report report = {0};
    int fd;
    s->bytes.len = 0;
    int rc = bl_in_open(path, &fd, e);
    if (rc != 0)
        return rc;
    rc = bl_read_all(fd, &s->bytes, BL_MIDI_MAX_BYTES, e);
    close(fd);
    return rc == 0 ? bl_midi_read(s->bytes.data, s->bytes.len, BL_READ_OVERLAP,
                                  &s->song, &report, e)
                   : rc;
}

/* ---- parts ---- */

/* What the name of its track says. */
static bl_role named_role(const bl_song *song, const bl_note *n)
{
    char name[64] = "";
    size_t len;
    const char *text = bl_voices_name(song, n->track, &len);
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)text[i]);
    int melody = strstr(name, "melod") || strstr(name, "vocal") || strstr(name, "vox");
    if (n->drum)
        return BL_ROLE_OTHER;
    if (melody && !strstr(name, "back") && !strstr(name, "harm"))
        return BL_ROLE_MELODY;
    int bass = strstr(name, "bass") && !strstr(name, "bassoon");
    return bass && !strstr(name, "drum") ? BL_ROLE_BASS : BL_ROLE_OTHER;
}

static void count(state *s, bl_role role)
{
    part *p = &s->of_role[role];
    unsigned long long known = 0, found = 0, both = 0, melodic = 0;
    for (size_t i = 0; i < s->song.n_notes; i++) {
        melodic += !s->song.notes[i].drum;
        known += s->known[i] == role;
        found += s->found[i] == role;
        both += s->known[i] == role && s->found[i] == role;
    }
    if (known == 0 || known == melodic)
        return;
    p->files++;
    p->most += 2 * both > known;
    p->known += known;
    p->found += found;
    p->both += both;
}

static int compare_parts(state *s, bl_err *e)
{
    size_t n = s->song.n_notes + 1;
    free(s->known);
    free(s->found);
    s->known = bl_calloc(n, 1, e);
    s->found = bl_calloc(n, 1, e);
    if (s->known == NULL || s->found == NULL)
        return BL_E_NOMEM;
    for (size_t i = 0; i < s->song.n_notes; i++)
        s->known[i] = (uint8_t)named_role(&s->song, &s->song.notes[i]);
    s->song.n_names = 0;
    int rc = bl_voices_roles(s->found, &s->song, e);
    if (rc == 0) {
        count(s, BL_ROLE_MELODY);
        count(s, BL_ROLE_BASS);
    }
    return rc;
}

/* ---- keys ---- */

/* "Gb:maj"; -1 if it is none. */
static int read_key(const char *text)
{
    static const int of_letter[] = {9, 11, 0, 2, 4, 5, 7};
    if (*text < 'A' || *text > 'G')
        return -1;
    int tonic = of_letter[*text++ - 'A'];
    for (; *text == '#' || *text == 'b'; text++)
        tonic += *text == '#' ? 1 : 11;
    return tonic % 12 + (strncmp(text, ":min", 4) == 0 ? BL_KEYS_MINOR : BL_KEYS_MAJOR);
}

/* Of the text beside the file; -2 without one, -1 where it has several lines. */
static int annotated_key(const char *path)
{
    char name[4096], key[16], more[16];
    double from, to;
    const char *slash = strrchr(path, '/');
    int len = slash != NULL ? (int)(slash - path) + 1 : 0;
    snprintf(name, sizeof name, "%.*skey_audio.txt", len, path);
    FILE *f = fopen(name, "r");
    if (f == NULL)
        return -2;
    int n = fscanf(f, "%lf %lf %15s %15s", &from, &to, key, more);
    fclose(f);
    return n == 3 ? read_key(key) : -1;
}

static int known_key(const bl_song *song, const char *path)
{
    int key = annotated_key(path);
    if (key != -2)
        return key;
    key = song->n_keys > 0 ? song->keys[0].key : -1;
    for (size_t i = 0; i < song->n_keys; i++)
        key = song->keys[i].key == key ? key : -1;
    return key;
}

static int relative(int key)
{
    return key < BL_KEYS_MINOR ? BL_KEYS_MINOR + (key + 9) % 12 : (key + 3) % 12;
}

static int compare_key(state *s, const char *path, bl_err *e)
{
    size_t bars, skipped;
    int key = known_key(&s->song, path);
    s->song.n_keys = 0;
    s->ids.n = 0;
    int rc = bl_scheme_encode(s->scheme, &s->song, &s->ids, &bars, NULL, e);
    if (rc == 0)
        rc = bl_scheme_decode(s->scheme, s->ids.id, s->ids.n, &s->decoded, &skipped, e);
    if (rc != 0 || key < 0 || s->decoded.n_keys == 0)
        return rc;
    s->n_keys++;
    s->n_same += s->decoded.keys[0].key == key;
    s->n_relative += s->decoded.keys[0].key == relative(key);
    return 0;
}

/* ---- the whole ---- */

static double ratio(unsigned long long a, unsigned long long b)
{
    return b > 0 ? (double)a / (double)b : 0;
}

static void report(const state *s)
{
    static const char *const names[] = {"", "melody", "bass"};
    printf("what\tfiles\tfiles_found\tprecision\trecall\n");
    for (int role = BL_ROLE_MELODY; role <= BL_ROLE_BASS; role++) {
        const part *p = &s->of_role[role];
        printf("%s\t%llu\t%.3f\t%.3f\t%.3f\n", names[role], p->files,
               ratio(p->most, p->files), ratio(p->both, p->found),
               ratio(p->both, p->known));
    }
    printf("what\tfiles\tsame\trelative\nkey\t%llu\t%.3f\t%.3f\n", s->n_keys,
           ratio(s->n_same, s->n_keys), ratio(s->n_relative, s->n_keys));
}

int main(int argc, char **argv)
{
    static const char *const suffixes[] = {".mid", ".midi", ".kar", ".rmi", NULL};
    bl_err e = BL_ERR_INIT;
    state s = {0};
    bl_paths paths = {0};
    int rc = argc > 1 ? 0 : 64;
    for (int i = 1; rc == 0 && i < argc; i++)
        rc = bl_paths_add_operand(&paths, argv[i], suffixes, &e);
    if (rc == 0)
        rc = bl_scheme_open(&s.scheme, &(bl_spec){.scheme = "remi", .key = 1}, &e);
    for (size_t i = 0; rc == 0 && i < paths.n; i++) {
        bl_err why = BL_ERR_INIT;
        if (read_song(&s, paths.path[i], &why) != 0)
            continue;
        rc = compare_parts(&s, &e);
        if (rc == 0)
            (void)!compare_key(&s, paths.path[i], &why);
    }
    if (rc == 0)
        report(&s);
    else
        fprintf(stderr, "parts_eval: %s\n",
                rc == 64 ? "usage: parts_eval DIR..." : e.text);
    bl_paths_free(&paths);
    bl_scheme_del(s.scheme);
    bl_buf_free(&s.bytes);
    bl_song_free(&s.song);
    bl_song_free(&s.decoded);
    bl_ids_free(&s.ids);
    free(s.known);
    free(s.found);
    return rc == 0 ? 0 : 66;
}
