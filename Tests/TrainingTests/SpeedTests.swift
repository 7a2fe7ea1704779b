import Testing
import Training

@testable import Training

@Suite struct SpeedTests {
  @Test func `pictures and waiting are counted over the last ten seconds`() throws {
    let start = ContinuousClock.now
    var speed = Speed(start)
    #expect(speed.perSecond == nil && speed.waitShare == nil)
    for second in 1...30 {
      speed.add(64, waited: second <= 15 ? 0.5 : 0.25, at: start + .seconds(second))
      if second == 4 { #expect(speed.perSecond == 64 && speed.waitShare == 0.5) }
    }
    #expect(speed.perSecond == 64 && speed.waitShare == 0.25)
  }
}
