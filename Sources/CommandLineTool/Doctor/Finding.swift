/// What the doctor says about one thing.
struct Finding: Equatable {
  enum Verdict: String, CaseIterable {
    case ok
    case warn
    case fail
  }

  var name: String
  var verdict: Verdict
  /// What was found.
  var detail: String
  /// What to do; empty where nothing is to be done.
  var advice = ""

  static func ok(_ name: String, _ detail: String) -> Finding {
    Finding(name: name, verdict: .ok, detail: detail)
  }

  static func warn(_ name: String, _ detail: String, advice: String) -> Finding {
    Finding(name: name, verdict: .warn, detail: detail, advice: advice)
  }

  static func fail(_ name: String, _ detail: String, advice: String) -> Finding {
    Finding(name: name, verdict: .fail, detail: detail, advice: advice)
  }
}
