/* smf_load.c - `smf_load FILE...`: only lets libsmf load each file, as a measure for
 * what midi2remi does beside it. Each in a child, as libsmf ends programs on some
 * files. */
#include <smf.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* smf_delete is quadratic: its events are freed here. */
static void release(smf_t *smf)
{
    for (int i = 1; i <= smf->number_of_tracks; i++) {
        smf_track_t *track = smf_get_track_by_number(smf, i);
        for (guint k = 0; k < track->events_array->len; k++) {
            smf_event_t *event = g_ptr_array_index(track->events_array, k);
            free(event->midi_buffer);
            free(event);
        }
        g_ptr_array_set_size(track->events_array, 0);
        track->number_of_events = 0;
    }
    smf_delete(smf);
}

int main(int argc, char **argv)
{
    int next = 1;
    while (next < argc) {
        int at[2];
        if (pipe(at) != 0)
            return 1;
        pid_t child = fork();
        if (child == 0) { /* goes on until a file ends it; says where it is */
            for (int i = next; i < argc; i++) {
                if (write(at[1], &i, sizeof i) != sizeof i)
                    _exit(1);
                smf_t *smf = smf_load(argv[i]);
                if (smf != NULL)
                    release(smf);
            }
            _exit(0);
        }
        close(at[1]);
        for (int i; read(at[0], &i, sizeof i) == sizeof i;)
            next = i + 1;
        close(at[0]);
        if (child < 0 || waitpid(child, NULL, 0) < 0)
            return 1;
    }
    return 0;
}
