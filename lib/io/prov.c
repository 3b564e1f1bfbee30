/* prov.c - see prov.h. */
#include "io/prov.h"
#include "base/hash.h"
#include "base/index.h"
#include "io/name.h"

#include <stdlib.h>

struct bl_prov {
    bl_json *list; /* owned */
    size_t n;
    bl_index seen; /* the entries by their hashes */
};

static int check_entry(const bl_json *entry, bl_err *e)
{
    static const char *const keys[] = {"id", "vn", "args", NULL};
    const char *text;
    const bl_json *args;
    int rc = bl_json_str(entry, "id", &text, e);
    if (rc == 0)
        rc = bl_json_str(entry, "vn", &text, e);
    if (rc == 0)
        rc = bl_json_get(entry, "args", &args, e);
    if (rc == 0)
        rc = bl_json_only(entry, keys, e);
    if (rc == 0 && !bl_json_is_array(args))
        rc = bl_fail(e, BL_E_FORMAT, "'args' is not a list");
    for (size_t i = 0; rc == 0 && i < bl_json_size(args); i++)
        if (!bl_json_as_str(bl_json_at(args, i), &text))
            rc = bl_fail(e, BL_E_FORMAT, "'args' is not a list of strings");
    return rc;
}

int bl_prov_check(const bl_json *pg, bl_err *e)
{
    size_t n = bl_json_size(pg);
    if (!bl_json_is_array(pg))
        return bl_fail(e, BL_E_FORMAT, "'pg' is not a list");
    if (n > BL_PROV_MAX)
        return bl_fail(e, BL_E_LIMIT, "'pg' has more than %d entries", BL_PROV_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = check_entry(bl_json_at(pg, i), e);
    return rc;
}

/* Appends a copy of the entry unless it stands there or `most` do. */
static int add(bl_prov *p, const bl_json *entry, size_t most, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_json_write(entry, &text, e);
    uint64_t hash = bl_xxh3(text.data, text.len);
    bl_buf_free(&text);
    if (rc != 0)
        return rc;
    if (bl_index_find(&p->seen, hash) >= 0 || p->n >= most)
        return 0;
    bl_json *copy = bl_json_copy(entry, e);
    rc = copy == NULL ? BL_E_NOMEM : bl_json_push(p->list, copy, e);
    if (rc == 0)
        rc = bl_index_add(&p->seen, hash, p->n++, e);
    return rc;
}

static bl_prov *new_prov(bl_err *e)
{
    bl_prov *p = bl_calloc(1, sizeof *p, e);
    if (p != NULL)
        p->list = bl_json_array(e);
    if (p != NULL && p->list == NULL) {
        bl_prov_del(p);
        return NULL;
    }
    return p;
}

int bl_prov_add(bl_prov **p, const bl_json *pg, bl_err *e)
{
    if (pg == NULL)
        return 0;
    if (*p == NULL)
        *p = new_prov(e);
    int rc = *p == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < bl_json_size(pg); i++)
        rc = add(*p, bl_json_at(pg, i), BL_PROV_MAX - 1, e);
    return rc;
}

const bl_json *bl_prov_list(const bl_prov *p)
{
    return p == NULL ? NULL : p->list;
}

void bl_prov_del(bl_prov *p)
{
    if (p == NULL)
        return;
    bl_json_del(p->list);
    bl_index_free(&p->seen);
    free(p);
}

/* Options may hold any bytes; JSON may not. */
static int push_encoded(bl_json *args, const char *arg, bl_err *e)
{
    bl_buf text = {0};
    int rc = bl_name_encode(arg, &text, e);
    if (rc == 0) {
        const char *s = bl_buf_str(&text, e);
        rc = s == NULL ? BL_E_NOMEM : bl_json_push_str(args, s, e);
    }
    bl_buf_free(&text);
    return rc;
}

static int add_self(bl_prov *p, const bl_self *self, bl_err *e)
{
    bl_json *entry = bl_json_object(e);
    bl_json *args = bl_json_array(e);
    int rc = entry == NULL || args == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; i < self->n_args && rc == 0; i++)
        rc = push_encoded(args, self->args[i], e);
    if (rc == 0)
        rc = bl_json_set_str(entry, "id", self->tool, e);
    if (rc == 0)
        rc = bl_json_set_str(entry, "vn", BL_VERSION, e);
    if (rc == 0) {
        rc = bl_json_put(entry, "args", args, e);
        args = NULL;
    }
    if (rc == 0)
        rc = add(p, entry, BL_PROV_MAX, e);
    bl_json_del(entry);
    bl_json_del(args);
    return rc;
}

bl_json *bl_prov_chain(const bl_json *const *parents, size_t n_parents,
                       const bl_self *self, bl_err *e)
{
    bl_json *list = NULL;
    bl_prov *chain = new_prov(e);
    int rc = chain == NULL ? BL_E_NOMEM : 0;
    for (size_t i = 0; i < n_parents && rc == 0; i++)
        rc = bl_prov_add(&chain, parents[i], e);
    if (rc == 0 && self != NULL)
        rc = add_self(chain, self, e);
    if (rc == 0) {
        list = chain->list;
        chain->list = NULL;
    }
    bl_prov_del(chain);
    return list;
}

int bl_prov_put_text(bl_json *meta, const bl_json *pg, bl_err *e)
{
    bl_buf text = {0};
    int rc = pg != NULL ? bl_json_write(pg, &text, e) : 0;
    if (rc == 0 && pg != NULL) {
        const char *s = bl_buf_str(&text, e);
        rc = s != NULL ? bl_json_set_str(meta, "pg", s, e) : BL_E_NOMEM;
    }
    bl_buf_free(&text);
    return rc;
}
