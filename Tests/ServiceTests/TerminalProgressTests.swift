import Testing

@testable import CommandLineTool

@Suite struct `What is told on a terminal` {
  @Test func `a run that took much less than its minutes says so`() throws {
    let sentence = try #require(TerminalProgress.unusedMinutes(3, seconds: 59))
    #expect(sentence.hasPrefix("The run took 59 s of its 3 min: "))
    #expect(TerminalProgress.unusedMinutes(3, seconds: 107) != nil)
    #expect(TerminalProgress.unusedMinutes(3, seconds: 109) == nil)
    // No minutes were given.
    #expect(TerminalProgress.unusedMinutes(0, seconds: 0) == nil)
  }
}
