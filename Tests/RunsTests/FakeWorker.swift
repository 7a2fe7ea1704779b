/// A worker in a few lines of shell that behaves well or badly.
enum FakeWorker {
  enum Behaviour: String, CaseIterable {
    /// Does its eight steps and finishes.
    case finishes
    /// Tells its priority when it has got another one than the usual, which the service gives it after it was started; then finishes.
    case tellsItsShare
    /// Does steps, one in 20 ms, and waits before the last until it is asked to stop.
    case goesOn
    /// Does nothing the first time, and finishes from the second on.
    case waitsAtFirst
    /// Crashes after a checkpoint until it has come to step 3, then finishes.
    case crashesTwice
    /// Always crashes.
    case crashes
    /// Ends itself by signal 9.
    case isKilled
    /// Writes all kinds of garbage, then finishes.
    case babbles
    /// Says that it started, and then nothing.
    case hangs
    /// Does not hear SIGTERM.
    case isDeaf
    /// Fails for good.
    case fails
    /// Leaves without a word.
    case leaves
    /// Writes a lot to standard error, then finishes.
    case shouts
    /// Reports a metric of its own that it declared, and one that it did not.
    case measuresMore
    /// Is ended by a trap, with pages of registers after the sentence.
    case traps
    /// Asks for more memory than there is.
    case runsOut
    /// Takes long to write its last checkpoint.
    case stopsSlowly
    /// Takes 200 MB of memory and keeps them.
    case swells
  }

  static let script = #"""
    behaviour=$1
    directory=$3
    pack=$5
    step=$(cat "$directory/fake-step" 2>/dev/null || echo 0)
    test -s "$directory/recipe.json" || exit 9
    echo "worker $behaviour of $pack from step $step" >&2
    arguments=$*
    policy() { cut -d' ' -f41 /proc/$$/stat; }
    tell() { echo "arguments $arguments niceness $(nice) policy $(policy) spins ${GOMP_SPINCOUNT:-long}" >&2; }
    tell

    started() { echo "{\"kind\":\"started\",\"step\":$step,\"declared\":[${1:-}]}"; }
    progress() {
      step=$((step + 1))
      metrics="{\"loss\":$step.5,\"cosine\":0.25,\"images_per_second\":80${1:-}}"
      echo "{\"kind\":\"progress\",\"step\":$step,\"metrics\":$metrics}"
    }
    checkpoint() {
      echo "$step" > "$directory/fake-step.writing"
      mv "$directory/fake-step.writing" "$directory/fake-step"
      echo "{\"kind\":\"checkpoint\",\"step\":$step}"
    }
    finished() { echo "{\"kind\":\"finished\",\"step\":$step,\"outcome\":\"$1\"}"; exit 0; }
    stop() { checkpoint; finished stopped; }
    all() { while [ "$step" -lt 8 ]; do progress; done; checkpoint; finished succeeded; }
    until_input_ends() { exec 4<&0; (cat <&4 >/dev/null; kill -TERM $$ 2>/dev/null) 3<&- & }

    case "$behaviour $*" in
    hangs*--measure) sleep 1000 & wait ;;
    fails*--measure)
      echo '{"kind":"failed","reason":{"code":"engine","detail":"The plan needs too much."}}'
      exit 65 ;;
    *--measure)
      echo '{"kind":"progress","step":1,"metrics":{"images_per_second":10},"memory_bytes":1000}'
      echo '{"kind":"progress","step":2,"metrics":{"images_per_second":64},"memory_bytes":2000}'
      finished stopped ;;
    esac
    case $behaviour in
    finishes) started; all ;;
    tellsItsShare)
      tries=0
      while [ "$(policy) $(nice)" = "0 0" ] && [ "$tries" -lt 100 ]; do tries=$((tries + 1)); sleep 0.05; done
      tell
      started
      all ;;
    goesOn)
      trap stop TERM
      until_input_ends
      started
      while :; do
        if [ "$step" -lt 7 ]; then progress; checkpoint; else echo '{"kind":"heartbeat"}'; fi
        sleep 0.02
      done ;;
    waitsAtFirst)
      if test -e "$directory/fake-seen"; then started; all; fi
      : > "$directory/fake-seen"
      started
      while :; do echo '{"kind":"heartbeat"}'; sleep 0.02; done ;;
    crashesTwice)
      started
      progress
      checkpoint
      if [ "$step" -lt 3 ]; then echo "out of luck" >&2; exit 7; fi
      all ;;
    crashes) started; echo "a bad day" >&2; exit 3 ;;
    isKilled) started; kill -9 $$ ;;
    babbles)
      echo "hello"
      head -c 200000 /dev/zero | tr '\0' 'x'
      echo
      head -c 3000 /dev/urandom
      printf '\n{"kind":"progress","step":9999}\n{"kind":"progress","step":-1}\n{"kind":"dance"}\n'
      printf '{"kind":"started"'
      sleep 0.05
      printf ',"step":0}\n'
      all ;;
    hangs) started; sleep 1000 & wait ;;
    isDeaf) trap '' TERM; started; while :; do echo '{"kind":"heartbeat"}'; sleep 0.02; done ;;
    fails)
      started
      echo '{"kind":"failed","reason":{"code":"loss_not_finite","detail":"The loss is not finite."}}'
      exit 65 ;;
    leaves) exit 0 ;;
    shouts) started; head -c 300000 /dev/zero | tr '\0' 'y' | fold -w 100 >&2; all ;;
    swells)
      started
      memory=$(head -c 200000000 /dev/zero | tr '\0' 'z')
      while :; do echo '{"kind":"heartbeat"}'; sleep 0.02; done ;;
    measuresMore)
      started '{"name":"pressure","title":"Pressure","sentence":"How it presses.","unit":"bar"}'
      progress ',"pressure":2.5,"guess":1'
      progress ',"pressure":3.5,"guess":2'
      all ;;
    traps)
      started
      echo "Trainer.swift:12: Fatal error: Index out of range" >&2
      i=0
      while [ $i -lt 200 ]; do echo "$i [ra] 0x0000000000001234 in closure at x.swift:1" >&2; i=$((i + 1)); done
      kill -ILL $$ ;;
    runsOut)
      started
      echo "Fatal error: failed to allocate 1400000000000 bytes of memory with alignment 64" >&2
      echo "rax 0x0000000000000000 0" >&2
      kill -ILL $$ ;;
    stopsSlowly)
      trap 'sleep 0.3; stop' TERM
      started
      while :; do progress; step=$((step - 1)); sleep 0.02; done ;;
    esac
    """#
}
