using System.Net;
using System.Net.Sockets;
using G2RL.Onnx.Reports.Viewing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace G2RL.Onnx.Cli.Watching;

/// <summary>
/// Serves a run's page on this machine alone, for reading alone. It looks at the run's folder, so it may be a run of this process, of
/// another, or one that ended long ago.
/// </summary>
internal sealed class PageServer : IDisposable
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    private readonly WebApplication application;
    private readonly RequestGuard guard;
    private readonly PageRoutes routes;
    private readonly RunEvents events;

    private PageServer(RunPage page, int port)
    {
        var token = RequestGuard.NewToken();
        (guard, routes, events) = (new(token), new(page), new(page));
        // Nothing of this process's environment or files configures it.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.Listen(IPAddress.Loopback, port);
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = 0;
            options.Limits.MaxConcurrentConnections = 64;
        });
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = Farewell);
        application = builder.Build();
        application.Run(Handle);
        application.Start();
        Address = $"{application.Urls.Single()}/{token}/";
    }

    /// <summary>Where the page is.</summary>
    public string Address { get; }

    /// <summary>Begins to serve.</summary>
    /// <param name="page">The page.</param>
    /// <param name="port">The port; 0 takes one that is free.</param>
    /// <exception cref="InputException">The port cannot be had.</exception>
    public static PageServer Start(RunPage page, int port)
    {
        if (port is < 0 or > 65535)
            throw new InputException($"The port is {port}; it must be 1 to 65535, or left out for a free one.");
        try
        {
            return new(page, port);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new InputException($"Port {port} of 127.0.0.1 cannot be had: {e.Message} Choose another, or leave it out.", e);
        }
    }

    /// <summary>Tells the pages that look that this was the last state, gives them a moment to take it, and ends.</summary>
    public void Dispose()
    {
        events.End(Farewell);
        application.StopAsync().GetAwaiter().GetResult();
        ((IDisposable)application).Dispose();
        events.Dispose();
    }

    private async Task Handle(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        // The address holds the token, so it is given to nobody.
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers["X-Content-Type-Options"] = "nosniff";
        response.Headers["X-Frame-Options"] = "DENY";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
        response.Headers["Cache-Control"] = "no-store";
        if (guard.Refusal(request) is { } status)
        {
            response.StatusCode = status;
            return;
        }
        var path = guard.Path(request)!;
        if (path == "events")
        {
            await events.Tell(context);
            return;
        }
        try
        {
            if (routes.Answer(path, request.Query) is not var (type, text))
            {
                response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }
            response.ContentType = type;
            await response.WriteAsync(text, context.RequestAborted);
        }
        catch (Exception e) when (e is InputException or IOException or UnauthorizedAccessException)
        {
            // The folder changed while it was read, or went; the page asks again.
            response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
    }
}
