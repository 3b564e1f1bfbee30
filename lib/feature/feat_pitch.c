/* feat_pitch.c - features of pitches; drums have none. Definitions: Dong, Chen, McAuley
 * and Berg-Kirkpatrick, "MusPy" (ISMIR 2020); Wu and Yang, "The Jazz Transformer on the
 * front line" (ISMIR 2020); Yang and Lerch, "On the evaluation of generative models in
 * music" (2018). */
#include "feature/family.h"

enum { N_CLASSES = 12, N_PITCHES = 128 };

static size_t count_used(const uint32_t *count, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        used += count[i] > 0;
    return used;
}

static double n_pitches_used(const bl_view *v)
{
    return (double)count_used(v->of_pitch, N_PITCHES);
}

static double n_pitch_classes_used(const bl_view *v)
{
    return (double)count_used(v->of_class, N_CLASSES);
}

static double pitch_range(const bl_view *v)
{
    int low = 0, high = N_PITCHES - 1;
    if (v->n_pitched == 0)
        return NAN;
    while (v->of_pitch[low] == 0)
        low++;
    while (v->of_pitch[high] == 0)
        high--;
    return high - low;
}

static double pitch_entropy(const bl_view *v)
{
    return bl_entropy(v->of_pitch, N_PITCHES, (uint32_t)v->n_pitched);
}

static double pitch_class_entropy(const bl_view *v)
{
    return bl_entropy(v->of_class, N_CLASSES, (uint32_t)v->n_pitched);
}

/* Adds (by = 1) or takes away (by = -1) the pitch classes of bar b; returns how many.
 */
static uint32_t count_bar(const bl_view *v, size_t b, uint32_t count[N_CLASSES], int by)
{
    size_t first = v->bars[b].first_pitched;
    size_t past = b + 1 < v->n_bars ? v->bars[b + 1].first_pitched : v->n_pitched;
    for (size_t i = first; i < past; i++)
        count[v->pitched[i].pitch % N_CLASSES] += (uint32_t)by;
    return (uint32_t)(past - first);
}

/* Mean over all windows of so many bars, hop one bar, that have a note; the window is
 * the piece where that is shorter. */
static double window_entropy(const bl_view *v, size_t width)
{
    uint32_t count[N_CLASSES] = {0}, n_notes = 0;
    double sum = 0;
    size_t n = 0;
    if (width > v->n_music_bars)
        width = v->n_music_bars;
    for (size_t b = 0; b < v->n_music_bars; b++) {
        n_notes += count_bar(v, b, count, 1);
        if (b >= width)
            n_notes -= count_bar(v, b - width, count, -1);
        if (b + 1 < width || n_notes == 0)
            continue;
        sum += bl_entropy(count, N_CLASSES, n_notes);
        n++;
    }
    return bl_ratio(sum, (double)n);
}

static double pitch_class_entropy_1bar(const bl_view *v)
{
    return window_entropy(v, 1);
}

static double pitch_class_entropy_4bar(const bl_view *v)
{
    return window_entropy(v, 4);
}

static double scale_consistency(const bl_view *v)
{
    static const uint8_t steps[2][7] = {{0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 10}};
    uint32_t best = 0;
    for (int root = 0; root < N_CLASSES; root++) {
        for (int mode = 0; mode < 2; mode++) {
            uint32_t n = 0;
            for (size_t i = 0; i < BL_COUNT(steps[mode]); i++)
                n += v->of_class[(root + steps[mode][i]) % N_CLASSES];
            best = n > best ? n : best;
        }
    }
    return bl_ratio(best, (double)v->n_pitched);
}

static double avg_pitch_shift(const bl_view *v)
{
    int16_t last[128]; /* pitch of each program's last note, -1 before the first */
    int64_t sum = 0, n = 0;
    for (size_t i = 0; i < BL_COUNT(last); i++)
        last[i] = -1;
    for (size_t i = 0; i < v->n_pitched; i++) {
        int16_t *before = &last[v->pitched[i].program & 127];
        int pitch = v->pitched[i].pitch;
        if (*before >= 0) {
            sum += pitch > *before ? pitch - *before : *before - pitch;
            n++;
        }
        *before = (int16_t)pitch;
    }
    return bl_ratio((double)sum, (double)n);
}

const bl_feat bl_feats_pitch[] = {
    {"n_pitches_used", "1", "number of distinct pitches, drums apart", n_pitches_used},
    {"n_pitch_classes_used", "1", "number of distinct pitch classes, drums apart",
     n_pitch_classes_used},
    {"pitch_range", "semitones", "highest pitch less lowest, drums apart", pitch_range},
    {"pitch_entropy", "bits", "entropy of the pitches of the notes, drums apart",
     pitch_entropy},
    {"pitch_class_entropy", "bits",
     "entropy of the pitch classes of the notes, drums apart", pitch_class_entropy},
    {"pitch_class_entropy_1bar", "bits",
     "H1: mean over the bars that have pitched notes of the pitch class entropy",
     pitch_class_entropy_1bar},
    {"pitch_class_entropy_4bar", "bits",
     "H4: mean over all windows of four bars, hop one bar, of the pitch class entropy",
     pitch_class_entropy_4bar},
    {"scale_consistency", "1",
     "largest share of pitched notes that lies in one of the 24 major and natural "
     "minor "
     "scales",
     scale_consistency},
    {"avg_pitch_shift", "semitones",
     "mean absolute interval from each pitched note to the next of the same program, "
     "by "
     "onset, then pitch",
     avg_pitch_shift},
    {NULL, NULL, NULL, NULL},
};
