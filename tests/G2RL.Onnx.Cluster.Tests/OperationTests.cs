using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using G2RL.Onnx.Cluster.Hosting;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>Probes, and a worker that is told to stop.</summary>
[TestClass]
public sealed class OperationTests
{
    [TestMethod]
    public void Worker_ToldToStop_EndsItsPieceHandsBackTheRestAndIsNoLongerReady()
    {
        using var run = ClusterRun.Long();
        var expected = run.Alone();
        var port = FreePort();
        var first = run.Worker("--health", $"127.0.0.1:{port}");
        run.Worker();
        Assert.AreEqual(HttpStatusCode.OK, Ask(port, "ready"));
        Assert.AreEqual(HttpStatusCode.OK, Ask(port, "live"));
        Assert.AreEqual(HttpStatusCode.NotFound, Ask(port, "secrets"));
        using var trainer = run.Start("--set", "distribution.workers=2");
        trainer.WaitFor(() => run.Accounts().Length >= 4);
        first.Send(PosixSignal.SIGTERM);
        first.End().Exits(0);
        CollectionAssert.AreEqual(expected, run.Results(trainer));
        run.AssertAccountsAddUp();
        Assert.AreEqual(0, run.Sum("here"));
    }

    [TestMethod]
    [DataRow("8081")]
    [DataRow("127.0.0.1:0")]
    [DataRow("nowhere")]
    public void Health_NoAddressWithAPort_IsRefused(string endpoint) => Assert.Contains(
        $"--health is '{endpoint}'",
        Assert.ThrowsExactly<InputException>(() => new HealthEndpoint(endpoint, () => (true, 0))).Message);

    [TestMethod]
    [DataRow("redis", "it must be empty, folder:PATH, redis:CONNECTION or postgres:CONNECTION")]
    [DataRow("postgres:env:G2RL_NO_SUCH_VARIABLE", "G2RL_NO_SUCH_VARIABLE")]
    [DataRow("postgres:Host=127.0.0.1;Port=1;Username=g2rl;Password=secret;Timeout=2", "postgres cannot be used")]
    public void Membership_ThatCannotBe_IsRefusedWithoutItsPassword(string membership, string expected)
    {
        var worker = G2RL.Onnx.Cli.Tests.G2rlProcess.Call("worker", "--set", $"distribution.membership={membership}");
        Assert.AreEqual(2, worker.ExitCode, worker.Error);
        Assert.Contains(expected, worker.Error);
        Assert.DoesNotContain("secret", worker.Error);
    }

    private static HttpStatusCode Ask(int port, string path)
    {
        using var client = new HttpClient();
        using var answer = client.GetAsync(new Uri($"http://127.0.0.1:{port}/{path}")).GetAwaiter().GetResult();
        return answer.StatusCode;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
