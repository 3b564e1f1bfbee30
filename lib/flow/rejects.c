/* rejects.c - see rejects.h. */
#include "flow/rejects.h"

#include <inttypes.h>

/* Names may hold tabs and line feeds: control characters and '%' become %XX. */
static int add_field(bl_buf *b, const char *text, const char *after, bl_err *e)
{
    int rc = 0;
    for (; rc == 0 && *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == 0x7f || c == '%')
            rc = bl_buf_addf(b, e, "%%%02X", c);
        else
            rc = bl_buf_addc(b, c, e);
    }
    return rc == 0 ? bl_buf_adds(b, after, e) : rc;
}

static int add_row(bl_buf *b, const char *file, const char *code, const bl_err *why,
                   bl_err *e)
{
    int rc = add_field(b, file, "\t", e);
    if (rc == 0)
        rc = add_field(b, code, "\t", e);
    if (rc == 0 && why->offset >= 0)
        rc = bl_buf_addf(b, e, "%" PRId64, why->offset);
    if (rc == 0)
        rc = bl_buf_addc(b, '\t', e);
    return rc == 0 ? add_field(b, why->text, "\n", e) : rc;
}

int bl_rejects_begin(bl_rejects *r, bl_err *e)
{
    r->wants_table = 1;
    return bl_buf_adds(&r->table, "file\tcode\toffset\treason\n", e);
}

int bl_rejects_add(bl_rejects *r, const bl_progress *progress, const char *file,
                   const char *code, const bl_err *why, bl_err *e)
{
    char text[1024];
    bl_err named = *why;
    bl_err_in(&named, file);
    bl_notice(bl_notices_of(progress), BL_NOTICE_ALWAYS, "%s [%s]",
              bl_err_text(&named, text, sizeof text), code);
    r->n++;
    return r->wants_table ? add_row(&r->table, file, code, why, e) : 0;
}

void bl_rejects_free(bl_rejects *r)
{
    bl_buf_free(&r->table);
}
