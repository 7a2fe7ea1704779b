/// How a coordinator treats its runs.
public struct RunSettings: Sendable {
  /// Program and first arguments of a worker, such as `["/usr/bin/byol", "train"]`; the coordinator
  /// adds `--run-directory DIR --pack DIR` and, if `threads` is set, `--threads N`.
  public var workerCommand: [String]
  /// Put before the worker's command: `["ssh", "host"]`, `["srun", "-n1"]`. A worker started through
  /// another program is asked to stop by the end of its input instead of by SIGTERM, and is told its
  /// niceness and its memory instead of being given them.
  public var launcher: [String] = []
  /// Variables of the worker's environment that the service's own does not have.
  ///
  /// Threads of an update that wait for each other spin for some ten microseconds, then sleep: by default libgomp's
  /// spin for milliseconds and keep requests from the processor. No slower on the networks measured.
  public var environment = ["GOMP_SPINCOUNT": "20000"]
  /// Threads of a worker; nil leaves it to the worker.
  public var threads: Int?
  /// Runs that have a worker at once.
  public var runsAtOnce = 1
  /// Seconds per day of UTC that the runs of an owner may train, all together; nil for as long as they like.
  public var trainingSecondsPerDay: @Sendable (_ owner: String) -> Double? = { _ in nil }
  /// Runs that may wait.
  public var queueLimit = 1000
  /// Times a crashed worker is replaced before the run fails.
  public var restartLimit = 5
  /// Pause before the first replacement; doubled for each further one.
  public var firstBackoff: Duration = .seconds(1)
  /// The longest pause before a replacement.
  public var greatestBackoff: Duration = .seconds(60)
  /// A worker without any report for this long is hung, and killed.
  public var silenceLimit: Duration = .seconds(600)
  /// A worker that was asked to stop is killed after this long.
  public var stopLimit: Duration = .seconds(600)
  /// How long the speed of a recipe is measured for an estimate, from the process's start.
  public var measureLimit: Duration = .seconds(8)
  /// How long a worker of a service that died is waited for before it is killed.
  public var orphanLimit: Duration = .seconds(60)
  /// The niceness of workers, 0…19; nil has them take what nobody else wants, by the policy SCHED_IDLE.
  public var niceness: Int?
  /// Bytes after which `worker.log` is begun anew.
  public var logByteLimit = 4 << 20

  /// Settings with a worker's command.
  public init(workerCommand: [String]) { self.workerCommand = workerCommand }

  /// The pause before a replacement, the first being number 1.
  public func backoff(restart: Int) -> Duration {
    let doublings = min(max(0, restart - 1), 20)
    return min(firstBackoff * (1 << doublings), greatestBackoff)
  }
}
