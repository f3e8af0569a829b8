#!/bin/bash
# Who this process is logged in as, and in which session, as libaudit reads it.
dd if=/proc/self/loginuid iflag=nofollow status=none && echo
dd if=/proc/self/sessionid iflag=nofollow status=none && echo
