/** States of a TCP socket that mean something here, by their numbers in records (include/net/tcp_states.h). */
export const TCP = {
  established: 1,
  synSent: 2,
  finWait1: 4,
  close: 7,
  closeWait: 8,
  listen: 10,
} as const;
