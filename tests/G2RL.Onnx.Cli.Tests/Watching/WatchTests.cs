using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cli.Watching;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Reports.Viewing;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>The served page: for this machine, for those who know its address, for reading.</summary>
[TestClass]
public sealed class WatchTests
{
    private string folder = "";

    [TestInitialize]
    public void Begin()
    {
        folder = Directory.CreateTempSubdirectory("g2rl-watch-").FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), RunConfigFile.ToJson(new RunConfig { Steps = 4 }));
        Directory.CreateDirectory(Path.Combine(folder, "rollouts"));
        File.WriteAllText(
            Path.Combine(folder, "rollouts", "step-000001.jsonl"),
            """{"step":1,"problem":"p","prompt_index":0,"sample":0,"prompt":"1+1=","text":"<script>2","reward":1}""" + "\n");
    }

    [TestCleanup]
    public void End() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    public async Task PageServer_WithItsToken_GivesPageAndData()
    {
        using var server = PageServer.Start(new RunPage(folder), 0);
        using var client = new HttpClient();
        using var answer = await client.GetAsync(server.Address);
        Assert.AreEqual(HttpStatusCode.OK, answer.StatusCode);
        var page = await answer.Content.ReadAsStringAsync();
        Assert.Contains("connect-src 'self'", page);
        Assert.Contains("\"served\":true", page);
        foreach (var (name, value) in new[]
        {
            ("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"),
            ("X-Frame-Options", "DENY"),
        })
            Assert.AreEqual(value, answer.Headers.GetValues(name).Single());
        Assert.IsFalse(answer.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.Contains("\"step\":[1]", await client.GetStringAsync(server.Address + "run/0/rollouts?generation=-1&from=0"));
        Assert.Contains("\\u003cscript\\u003e2", await client.GetStringAsync(server.Address + "run/0/rows?ids=0,7,x"));
        Assert.AreEqual("[0]", await client.GetStringAsync(server.Address + "run/0/search?text=1%2B1"));
        Assert.Contains("\"steps\":[]", await client.GetStringAsync(server.Address + "run/0/metrics"));
    }

    [TestMethod]
    [DataRow("GET /TOKEN/ HTTP/1.1|Host: 127.0.0.1:PORT", 200)]
    [DataRow("HEAD /TOKEN/ HTTP/1.1|Host: localhost:PORT", 200)]
    [DataRow("GET /TOKEN/ HTTP/1.1|Host: localhost:PORT|Origin: http://localhost:PORT", 200)]
    [DataRow("GET / HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /TOKEN HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /00000000000000000000000000000000/ HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /00000000000000000000000000000000/events HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /TOKEN/ HTTP/1.1|Host: evil.example", 421)]
    [DataRow("GET /TOKEN/ HTTP/1.1|Host: 127.0.0.1.evil.example:PORT", 421)]
    [DataRow("GET /TOKEN/ HTTP/1.1|Host: 127.0.0.1:PORT|Origin: http://evil.example", 403)]
    [DataRow("GET /TOKEN/ HTTP/1.1|Host: 127.0.0.1:PORT|Origin: null", 403)]
    [DataRow("GET /TOKEN/ HTTP/1.1|Host: 127.0.0.1:PORT|Origin: http://127.0.0.1:1", 403)]
    [DataRow("POST /TOKEN/ HTTP/1.1|Host: 127.0.0.1:PORT|Content-Length: 0", 405)]
    [DataRow("PUT /TOKEN/run/0/rows HTTP/1.1|Host: 127.0.0.1:PORT|Content-Length: 0", 405)]
    [DataRow("DELETE /TOKEN/ HTTP/1.1|Host: 127.0.0.1:PORT", 405)]
    [DataRow("OPTIONS /TOKEN/ HTTP/1.1|Host: 127.0.0.1:PORT", 405)]
    [DataRow("GET /TOKEN/config.json HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /TOKEN/../../../etc/passwd HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /TOKEN/..%2f..%2fetc%2fpasswd HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /TOKEN/run/0/../../config.json HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /TOKEN/run/1/rows HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /TOKEN/run/-1/rows HTTP/1.1|Host: 127.0.0.1:PORT", 404)]
    [DataRow("GET /TOKEN/run/0/rows?ids=99999999999,-5, HTTP/1.1|Host: 127.0.0.1:PORT", 200)]
    [DataRow("GET /TOKEN/ HTTP/1.1", 400)]
    public async Task PageServer_AskedInEveryWay_LetsInWhomItShould(string request, int status)
    {
        using var server = PageServer.Start(new RunPage(folder), 0);
        var address = new Uri(server.Address);
        using var client = new TcpClient("127.0.0.1", address.Port);
        var raw = request.Replace("TOKEN", address.AbsolutePath.Trim('/')).Replace("PORT", $"{address.Port}").Replace("|", "\r\n");
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(raw + "\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(client.GetStream());
        var answer = await reader.ReadToEndAsync();
        Assert.AreEqual($"{status}", answer.Split(' ')[1], answer);
        Assert.DoesNotContain("root:", answer);
        Assert.IsTrue(status == 200 || !answer.Contains("sampling", StringComparison.Ordinal), "a refusal tells of the run");
    }

    [TestMethod]
    public async Task Events_WhenALogGrows_TellOfItAndAtTheEnd()
    {
        var server = PageServer.Start(new RunPage(folder), 0);
        using var client = new HttpClient();
        using var stream = new StreamReader(await client.GetStreamAsync(server.Address + "events"));
        async Task<string> Event()
        {
            while (await stream.ReadLineAsync() is { } line)
                if (line.StartsWith("event: ", StringComparison.Ordinal))
                    return line["event: ".Length..];
            return "";
        }
        Assert.AreEqual("hello", await Event());
        File.AppendAllText(Path.Combine(folder, "metrics.jsonl"), """{"step":1,"reward/mean":0.5}""" + "\n");
        Assert.AreEqual("change", await Event());
        var ended = Task.Run(server.Dispose);
        Assert.AreEqual("end", await Event());
        // While the last page is taken the server still answers.
        Assert.Contains("reward/mean", await client.GetStringAsync(server.Address + "run/0/metrics"));
        stream.Close();
        await ended.WaitAsync(TimeSpan.FromMinutes(3));
        await Assert.ThrowsExactlyAsync<HttpRequestException>(() => client.GetAsync(server.Address));
    }

    [TestMethod]
    public void PageServer_OnATakenPort_SaysSo()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var refused = Assert.ThrowsExactly<InputException>(() => PageServer.Start(new RunPage(folder), port));
        Assert.Contains($"Port {port} of 127.0.0.1", refused.Message);
    }

    [TestMethod]
    public async Task ExportAndTrain_Watched_ServesTheRunAndEndsWithIt()
    {
        using var tiny = new TinyRun();
        using var run = G2rlProcess.Start([.. tiny.Train(tiny.Folder("run")), "--watch", "--json"]);
        const string Key = "\"watch\":\"";
        run.WaitFor(() => run.Output.Contains(Key, StringComparison.Ordinal));
        var row = run.Output.Split('\n').First(l => l.Contains(Key, StringComparison.Ordinal));
        var address = (string)JsonNode.Parse(row)!["watch"]!;
        using var client = new HttpClient();
        Assert.Contains("G2RL.Onnx run", await client.GetStringAsync(address));
        run.End().Exits(0);
        await Assert.ThrowsExactlyAsync<HttpRequestException>(() => client.GetAsync(address));
    }

    [TestMethod]
    public async Task Report_Served_EndsOnASignal()
    {
        using var server = G2rlProcess.Start("report", folder, "--serve", "--json");
        server.WaitFor(() => server.Output.Contains("address", StringComparison.Ordinal));
        using var client = new HttpClient();
        Assert.Contains("G2RL.Onnx run", await client.GetStringAsync((string)JsonNode.Parse(server.Output)!["address"]!));
        server.Send(PosixSignal.SIGTERM);
        server.End().Exits(0);
    }
}
