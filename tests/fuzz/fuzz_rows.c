/* fuzz_rows.c - the reader of tensor streams, and grooves back to songs. */
#include "flow/grooves.h"
#include "fuzz.h"

#include <math.h>
#include <unistd.h>

static void check_record(const bl_rows_piece *p, size_t numbers)
{
    for (size_t i = 0; i < p->rows.n; i++) {
        claim(p->rows.bar[i] >= 0 && (i == 0 || p->rows.bar[i] > p->rows.bar[i - 1]));
        claim(p->rows.tempo[i] > 0 && isfinite(p->rows.tempo[i]));
        for (size_t k = 0; k < numbers; k++)
            claim(isfinite(p->rows.x[i * numbers + k]));
    }
}

/* A record as a piece of its own: its hits come back. */
static void there_and_back(const bl_rows_piece *p, int bars)
{
    bl_song song = {0};
    bl_hvo hvo = {0};
    bl_hvo_decoder d;
    size_t numbers = (size_t)bars * BL_HVO_BAR * BL_HVO_CELLS;
    int rc = bl_hvo_decode_begin(&d, &song, p->tpq, NULL);
    for (size_t i = 0; i < p->rows.n && rc == 0; i++)
        rc = bl_hvo_decode(&d, p->rows.x + i * numbers, bars, p->rows.bar[i],
                           p->rows.tempo[i], NULL);
    if (rc == 0 && bl_hvo_decode_end(&d, NULL) == 0) {
        fuzz_song(&song);
        rc = bl_hvo_encode(&hvo, &song, NULL);
        claim(rc == BL_E_LIMIT || (rc == 0 && hvo.hits == song.n_notes));
    }
    bl_hvo_free(&hvo);
    bl_song_free(&song);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bl_zr *zr = NULL;
    bl_rowsr *r = NULL;
    bl_rows_piece p = {0};
    int fd = fuzz_fd(data, len), bars = 0;
    claim(bl_zr_new(&zr, fd, NULL) == 0);
    if (bl_rowsr_new(&r, zr, "input", NULL) == 0) {
        size_t numbers = bl_rows_numbers(bl_rowsr_kind(r));
        int is_groove = bl_groove_bars(bl_rowsr_kind(r), &bars, NULL) == 0;
        while (bl_rowsr_next(r, &p, NULL) == 1) {
            check_record(&p, numbers);
            if (is_groove && bl_groove_check(&p, bars, NULL) == 0)
                there_and_back(&p, bars);
        }
    }
    bl_rows_piece_free(&p);
    bl_rowsr_del(r);
    close(fd);
    return 0;
}
