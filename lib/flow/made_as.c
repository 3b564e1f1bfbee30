/* made_as.c - see made_as.h. */
#include "flow/made_as.h"

#include "io/name.h"
#include "io/prov.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- entries and their arguments ---- */

static int is_of(const bl_json *entry, const char *id)
{
    const char *is;
    return bl_json_str(entry, "id", &is, NULL) == 0 && strcmp(is, id) == 0;
}

/* The i-th argument of an entry, or NULL. */
static const char *arg_at(const bl_json *entry, size_t i)
{
    const bl_json *args;
    const char *arg;
    if (bl_json_get(entry, "args", &args, NULL) != 0 || i >= bl_json_size(args))
        return NULL;
    return bl_json_as_str(bl_json_at(args, i), &arg) ? arg : NULL;
}

/* The value of "--name=value", "" of "--name"; NULL where it is another option. */
static const char *value_of(const char *arg, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, name, n) != 0)
        return NULL;
    arg += 2 + n;
    return *arg == '=' ? arg + 1 : *arg == '\0' ? arg : NULL;
}

static int is_one_of(const char *arg, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (value_of(arg, names[i]) != NULL)
            return 1;
    return 0;
}

/* Of which files there are, not of what becomes of one. */
static int is_of_files(const char *arg)
{
    static const char *const names[] = {"max-reject", "part"};
    return is_one_of(arg, names, BL_COUNT(names));
}

static int is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Of an entry the last argument of the same option as "--name" or "--name=value", which
 * counts; or NULL. */
static const char *last_of(const bl_json *entry, const char *arg)
{
    const char *other, *last = NULL;
    size_t n = strcspn(arg, "=");
    for (size_t i = 0; (other = arg_at(entry, i)) != NULL; i++)
        if (strcspn(other, "=") == n && strncmp(other, arg, n) == 0)
            last = other;
    return last;
}

/* Its value, or NULL. */
static const char *option_of(const bl_json *entry, const char *option)
{
    const char *last = last_of(entry, option);
    return last != NULL ? value_of(last, option + 2) : NULL;
}

/* 1 if the other entry has all options of the first. */
static int has_all(const bl_json *a, const bl_json *b)
{
    const char *arg;
    for (size_t i = 0; (arg = arg_at(a, i)) != NULL; i++)
        if (!is_of_files(arg) && !is_same_text(last_of(a, arg), last_of(b, arg)))
            return 0;
    return 1;
}

static int is_same(const bl_json *a, const bl_json *b)
{
    return has_all(a, b) && has_all(b, a);
}

static int has_same_parts(const bl_json *a, const bl_json *b)
{
    return is_same_text(option_of(a, "--keep"), option_of(b, "--keep")) &&
           is_same_text(option_of(a, "--drop"), option_of(b, "--drop"));
}

/* Nobody but midi2remi made music of the chain, and the run began with no other's
 * weights (--init), whose data are told of in it too. */
static int is_plain(const bl_json *pg)
{
    for (size_t i = 0; i < bl_json_size(pg); i++) {
        const bl_json *entry = bl_json_at(pg, i);
        if (!is_of(entry, "midi2remi") && !is_of(entry, "vocab") &&
            (!is_of(entry, "xltrain") || option_of(entry, "--init") != NULL) &&
            (!is_of(entry, "shard") || option_of(entry, "--unshard") != NULL))
            return 0;
    }
    return 1;
}

/* What one keeps the other drops. */
static int are_halves(const bl_json *a, const bl_json *b)
{
    const char *keep = option_of(a, "--keep"), *drop = option_of(a, "--drop");
    return (keep != NULL && is_same_text(keep, option_of(b, "--drop"))) ||
           (drop != NULL && is_same_text(drop, option_of(b, "--keep")));
}

/* Of the ways of targets, of conditions and of what a vocabulary was learned of, in
 * this order and each once: that of conditions. One way alone may be that of targets
 * beside conditions whose chain was left out; of two the other may be the
 * vocabulary's. */
static const bl_json *choose(const bl_json *const *way, int n, int has_vocab)
{
    if (n >= 2 && n <= 2 + has_vocab && are_halves(way[0], way[1]))
        return way[1];
    return n == 2 && !has_vocab && !has_same_parts(way[0], way[1]) ? way[1] : NULL;
}

/* The entry of the midi2remi that made the conditions, or NULL. */
static const bl_json *find(const bl_json *pg)
{
    enum { MOST = 4 };
    const bl_json *way[MOST];
    size_t i = 0, n_all = pg != NULL && is_plain(pg) ? bl_json_size(pg) : 0;
    int n = 0, has_vocab = 0;
    for (; i < n_all && !is_of(bl_json_at(pg, i), "shard"); i++) {
        const bl_json *entry = bl_json_at(pg, i);
        int k = 0;
        has_vocab |= is_of(entry, "vocab");
        while (k < n && !is_same(entry, way[k]))
            k++;
        if (k == n && n < MOST && is_of(entry, "midi2remi"))
            way[n++] = entry;
    }
    return i < n_all && option_of(bl_json_at(pg, i), "--condition") != NULL
               ? choose(way, n, has_vocab)
               : NULL;
}

/* ---- as a person types it ---- */

static void add(bl_made_as *m, const char *arg)
{
    size_t n = strlen(m->command);
    const char *between = n > 0 ? " " : "";
    /* in quotes where a shell would read more in it */
    int is_plain = strpbrk(arg, " *?'\"$&|;<>()[]{}\\`!~#") == NULL;
    snprintf(m->command + n, BL_MADE_AS_MAX - n, is_plain ? "%s%s" : "%s'%s'", between,
             arg);
}

/* Sets plain[n_plain] to the arguments of one file, as typed; owned, also on failure.
 */
static int get_args(const bl_json *entry, char **plain, size_t *n_plain, bl_err *e)
{
    const char *arg;
    for (size_t i = 0; (arg = arg_at(entry, i)) != NULL; i++) {
        bl_err why = BL_ERR_INIT;
        if (is_of_files(arg))
            continue;
        char *text = bl_name_decode(arg, &why);
        if (text == NULL && why.code != BL_E_NOMEM)
            text = bl_strdup(arg, &why);
        if (text == NULL)
            return bl_fail(e, BL_E_NOMEM, "out of memory");
        plain[(*n_plain)++] = text;
    }
    return 0;
}

static int write_command(bl_made_as *m, const bl_json *entry, const bl_scheme *s,
                         bl_err *e)
{
    const bl_json *args;
    size_t n = 0,
           most = bl_json_get(entry, "args", &args, NULL) == 0 ? bl_json_size(args) : 0;
    char **plain = bl_calloc(most + 1, sizeof *plain, e);
    int rc = plain != NULL ? get_args(entry, plain, &n, e) : BL_E_NOMEM;
    const bl_self self = {"midi2remi", (const char *const *)plain, n};
    add(m, self.tool);
    for (size_t i = 0; i < n; i++)
        add(m, plain[i]);
    if (bl_scheme_spec(s)->labels[0] != '\0') {
        add(m, "--labels");
        add(m, "TABLE");
    }
    m->pg = rc == 0 ? bl_prov_chain(NULL, 0, &self, e) : NULL;
    while (n > 0)
        free(plain[--n]);
    free(plain);
    return m->pg != NULL ? 0 : BL_E_NOMEM;
}

/* ---- as it is done ---- */

static int parse_pair(bl_made_as *m, const char *word)
{
    const char *name = BL_PAIR_WORDS;
    for (int i = 0; *name != '\0'; i++) {
        size_t len = strcspn(name, "|");
        if (strlen(word) == len && memcmp(word, name, len) == 0) {
            m->how.reading = bl_reading_with(m->how.reading, (bl_pair)i);
            return 1;
        }
        name += len + (name[len] == '|');
    }
    return 0;
}

static int parse_meter(bl_made_as *m, const char *text)
{
    const char *end = bl_meter_scan(text, &m->how.meter_num, &m->how.meter_den_log2);
    return end != NULL && *end == '\0';
}

static int parse_parts(bl_made_as *m, const char *text, int is_drop)
{
    free(m->text);
    m->text = bl_name_decode(text, NULL);
    m->parts = (bl_parts){0};
    m->how.parts = &m->parts;
    m->how.drop_parts = is_drop;
    return m->text != NULL && bl_parts_parse(&m->parts, m->text, NULL) == 0;
}

/* 1 where it is known what the argument does to a file. */
static int take_arg(bl_made_as *m, const char *arg)
{
    /* of the scheme, which is the run's */
    static const char *const told[] = {"scheme",  "grid",       "chords", "key",
                                       "degrees", "common-key", "pedal"};
    const char *value;
    if (is_of_files(arg) || is_one_of(arg, told, BL_COUNT(told)))
        return 1;
    if ((value = value_of(arg, "pair")) != NULL)
        return parse_pair(m, value);
    if ((value = value_of(arg, "meter")) != NULL)
        return parse_meter(m, value);
    if ((value = value_of(arg, "keep")) != NULL)
        return parse_parts(m, value, 0);
    if ((value = value_of(arg, "drop")) != NULL)
        return parse_parts(m, value, 1);
    m->how.trim |= value_of(arg, "trim") != NULL;
    m->how.strict |= value_of(arg, "strict") != NULL;
    m->how.keep_empty |= value_of(arg, "keep-empty") != NULL;
    static const char *const flags[] = {"trim", "strict", "keep-empty"};
    return is_one_of(arg, flags, BL_COUNT(flags));
}

int bl_made_as_read(bl_made_as *m, const bl_json *pg, const bl_scheme *s, bl_err *e)
{
    const bl_json *entry = find(pg);
    const char *arg;
    m->how.scheme = s;
    m->how.reading = bl_scheme_reading(s);
    m->is_stated = entry != NULL;
    m->is_readable = 0;
    if (entry == NULL) {
        bl_spec_command(bl_scheme_spec(s), m->command);
        return 0;
    }
    m->is_readable = bl_scheme_spec(s)->labels[0] == '\0'; /* of a table */
    for (size_t i = 0; (arg = arg_at(entry, i)) != NULL; i++)
        m->is_readable &= take_arg(m, arg);
    return write_command(m, entry, s, e);
}

void bl_made_as_free(bl_made_as *m)
{
    free(m->text);
    bl_json_del(m->pg);
    *m = (bl_made_as){0};
}
