/* settings.c - what is written about settings, from their table: `settings schema` is
 * schemas/config.schema.json, `settings man` the list in xltrain(1). `make settings`
 * writes both, and a test compares them. */
#include "train/train_config.h"

#include <stdio.h>
#include <string.h>

/* The lowest number: a word may stand below it. */
static double low_of(const bl_setting *s)
{
    return s->kind != BL_SET_WORD && s->words != NULL ? s->low + 1 : s->low;
}

/* ---- the schema ---- */

static void print_words(const bl_setting *s)
{
    printf("      \"enum\": [\n");
    for (int i = 0; s->words[i] != NULL; i++)
        printf("        \"%s\"%s\n", s->words[i], s->words[i + 1] != NULL ? "," : "");
    printf("      ],\n");
}

static void print_layers(void)
{
    printf("      \"type\": \"array\",\n      \"items\": {\n"
           "        \"type\": \"integer\",\n        \"minimum\": 1,\n"
           "        \"maximum\": %d\n      },\n",
           BL_SET_LAYERS_MAX);
}

static int is_real(const bl_setting *s)
{
    return s->kind == BL_SET_REAL || s->kind == BL_SET_OWN;
}

static void print_bound(const bl_setting *s, double x)
{
    if (is_real(s))
        printf("%.10g", x);
    else
        printf("%lld", (long long)x);
}

static void print_number(const bl_setting *s, const char *indent)
{
    printf("%s\"type\": \"%s\",\n%s\"minimum\": ", indent,
           is_real(s) ? "number" : "integer", indent);
    print_bound(s, low_of(s));
    printf(",\n%s\"maximum\": ", indent);
    print_bound(s, s->high);
}

static void print_property(const bl_setting *s)
{
    printf(",\n    \"%s\": {\n", s->key);
    if (s->kind == BL_SET_WORD) {
        print_words(s);
    } else if (s->kind == BL_SET_LAYERS) {
        print_layers();
    } else if (s->words != NULL) {
        printf("      \"anyOf\": [\n        {\n");
        print_number(s, "          ");
        printf("\n        },\n        {\n          \"const\": \"%s\"\n        }\n"
               "      ],\n",
               s->words[0]);
    } else {
        print_number(s, "      ");
        printf(",\n");
    }
    printf("      \"description\": \"%s\"\n    }", s->help);
}

static void print_schema(void)
{
    const bl_setting *s;
    printf("{\n"
           "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
           "  \"title\": \"xl-config/1\",\n"
           "  \"description\": \"Settings of a training run: config.json of a run "
           "folder, the metadata entry `config` of a checkpoint, and (any subset of) "
           "what xltrain --config reads.\",\n"
           "  \"type\": \"object\",\n"
           "  \"additionalProperties\": false,\n"
           "  \"properties\": {\n"
           "    \"schema\": {\n      \"const\": \"xl-config/1\"\n    }");
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++)
        print_property(s);
    printf("\n  }\n}\n");
}

/* ---- the list of the man page ---- */

static void print_values(const bl_setting *s)
{
    if (s->kind == BL_SET_LAYERS)
        printf("all|N,N,...");
    for (int i = 0; s->words != NULL && s->words[i] != NULL; i++)
        printf("%s%s", i > 0 ? "|\\:" : "", s->words[i]);
    if (s->kind == BL_SET_WORD || s->kind == BL_SET_LAYERS)
        return;
    printf("%s", s->words != NULL ? "|" : "");
    print_bound(s, low_of(s));
    printf("..");
    print_bound(s, s->high);
}

/* A vocabulary is not set. */
static void print_list(void)
{
    const bl_setting *s;
    printf(".Bl -tag -width Ds -compact\n");
    for (size_t i = 0; (s = bl_config_setting(i)) != NULL; i++) {
        if (strcmp(s->key, "vocab") == 0)
            continue;
        printf(".It Cm %s Ns = Ns Ar ", s->key);
        print_values(s);
        putchar('\n');
        for (const char *at = s->help; *at != '\0'; at++)
            if (*at == '^')
                printf("\\(ha");
            else
                putchar(*at);
        putchar('\n');
    }
    printf(".El\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "schema") == 0)
        print_schema();
    else if (argc == 2 && strcmp(argv[1], "man") == 0)
        print_list();
    else
        return fprintf(stderr, "usage: settings schema|man\n") < 0 ? 70 : 64;
    return 0;
}
