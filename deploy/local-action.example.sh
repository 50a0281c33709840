#!/bin/sh
# Lamp and sound at home, for the [home] action of the gateway: an example that works on a small Linux computer with
#   lamps and an active buzzer on GPIO pins, each an LED to the kernel, which keeps and flashes it without any process;
#   a loudspeaker, through espeak-ng with its Norwegian voice. Without espeak-ng there are no words, only the buzzer.
#
# Raspberry Pi, in config.txt, one line for each:
#   dtoverlay=gpio-led,gpio=17,label=hjemvakt-red,trigger=timer      (also 27 hjemvakt-yellow, 22 hjemvakt-green,
#   and 23 hjemvakt-buzzer)
# and in /etc/udev/rules.d/80-hjemvakt.rules, so that the gateway's user may write to them:
#   SUBSYSTEM=="leds", KERNEL=="hjemvakt-*", RUN+="/bin/sh -c 'cd /sys%p && chgrp gpio delay_o* && chmod g+w delay_o*'"
# Copy this file to /usr/local/bin/hjemvakt-lamp and try it by hand:
#   HJEMVAKT_SOUND=1 HJEMVAKT_TEXT="Alarmen er sendt." /usr/local/bin/hjemvakt-lamp alarm_sent
#
# The gateway runs it with one word, once for each thing that happens, never twice at a time, and ends it after
# timeout_s. HJEMVAKT_SOUND=0: the lamp alone, because it is night. While an alarm cannot be sent, alarm_not_sent comes
# again every minute for ten minutes. What is printed here goes to the gateway's log. Exit status 0 says that it worked,
# and only then does the server hear that the alarm was given at home.

set -e
leds=${HJEMVAKT_LEDS:-/sys/class/leds}

# lamp NAME MILLISECONDS_ON MILLISECONDS_OFF: 0 on is dark, 0 off is steady. A lamp that this home does not have is no
# fault, but one of them there must be.
lamp() {
    [ -e "$leds/hjemvakt-$1/delay_on" ] || return 0
    if [ "$2" = 0 ]; then
        echo 1000 >"$leds/hjemvakt-$1/delay_off"
        echo 0 >"$leds/hjemvakt-$1/delay_on"
    else
        echo "$2" >"$leds/hjemvakt-$1/delay_on"
        echo "$3" >"$leds/hjemvakt-$1/delay_off"
    fi
}

beep() {  # beep TIMES
    [ "$HJEMVAKT_SOUND" = 1 ] || return 0
    count=0
    while [ "$count" -lt "$1" ]; do
        lamp buzzer 1000 0
        sleep 0.15
        lamp buzzer 0
        sleep 0.1
        count=$((count + 1))
    done
}

say() {
    [ "$HJEMVAKT_SOUND" = 1 ] && command -v espeak-ng >/dev/null || return 0
    espeak-ng -v nb -s 140 "$HJEMVAKT_TEXT"
}

# IEC 60601-1-8: red flashes at 1.4 to 2.8 Hz, yellow at 0.4 to 0.8 Hz.
case $1 in
check)
    ls "$leds"/hjemvakt-*/delay_on >/dev/null || { echo "no LED of the name hjemvakt-... in $leds" >&2; exit 1; }
    for name in red yellow green buzzer; do lamp "$name" 0; done
    ;;
alarm_not_sent) lamp red 250 250; beep 10; say ;;
alarm_over) lamp red 0 ;;
alarm_sent) lamp green 850 850; beep 2; say ;;
acknowledged) lamp red 0; lamp green 0; beep 1; say ;;
reading_saved) beep 1; say ;;
line_down) lamp yellow 850 850; say ;;
line_back) lamp yellow 0; say ;;
*) ;;  # a word of a later gateway
esac
