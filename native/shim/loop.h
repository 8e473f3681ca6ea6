#ifndef BERTH_LOOP_H
#define BERTH_LOOP_H

int loop_init(void);
/* Waits, then calls what is ready; gives the number of events. */
int loop_round(int timeout_ms);

#endif
